// SPDX-License-Identifier: Apache-2.0
//
// Which guardrails a change touches, and how many people must approve it for that.
#pragma once

#include <span>
#include <vector>

#include "controlplane/planner/class_pairs.h"
#include "controlplane/policy/change.h"
#include "controlplane/policy/client_sets.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

struct PolicySide {
  const v1::Policy& policy;
  const ClientSets& clients;
};

// Sorted by guardrail; each with its reasons, every one a sentence. A change touches a guardrail,
// judged before and after it, if it alters it, or which clients, services or their addresses it
// matches, or, for a (service, class) that it covers: the routes, their rollouts, or the labels,
// the backends or the end of a pool that these can reach. Approvals are the more of before and
// after; none of a guardrail that monitors.
std::vector<v1::GuardrailTouch> find_touches(const PolicySide& before, const PolicySide& after,
                                             const ObjectNames& touched,
                                             std::span<const ClassPair> classes);

}  // namespace sluice::controlplane

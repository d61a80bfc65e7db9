// SPDX-License-Identifier: Apache-2.0
//
// Which addresses and ports of services change hands.
#pragma once

#include <string>
#include <vector>

#include "controlplane/planner/objects_by_name.h"
#include "controlplane/policy/change.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// What clients reach at an address is of another service after a change, or of none.
struct Handover {
  const v1::Service* from;  // of the policy before
  const v1::Service* to;    // of the policy after; null: nobody's
  std::string what;         // "203.0.113.10 tcp/80", the first that goes this way
};

// Once for each two services, in the order of names. Only services that are `touched` can give or
// take.
std::vector<Handover> handovers(const TwoVersions<v1::Service>& services,
                                const ObjectNames& touched);

}  // namespace sluice::controlplane

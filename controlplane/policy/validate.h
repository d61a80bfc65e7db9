// SPDX-License-Identifier: Apache-2.0
//
// Whether a whole policy is consistent in itself: ranges, references, uniqueness.
#pragma once

#include "controlplane/policy/client_sets.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/violation.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// Appends every violation of the whole policy, with the location `source` knows. Refuses, with a
// clear line, what the language allows and this version does not build (other forwarding modes,
// countries, gRPC probes, caps, approvals, monitor mode, fail_closed, a rollout that is not paused,
// sctp).  Shape: `clients` are the policy's.
void validate_policy(const v1::Policy& policy, const ClientSets& clients, const SourceMap& source,
                     Violations& violations);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Fifth stage: packets that no known flow claims as they are get a backend by steering.
#pragma once

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// Shape: takes `fresh` in order, appends to `live` what has a line and an account.
// Drops: kNoRoute, kNoPool, kRevoked, kBadAddress (our own tunnel's source), kRejectLimited,
// kNoBuffer, kNoNeighbor (a reply to a port that is not served).
template <Family F>
void steer_fresh(Burst<F>& burst, const Snapshot& snapshot, CoreContext& core) noexcept;

}  // namespace sluice::dataplane

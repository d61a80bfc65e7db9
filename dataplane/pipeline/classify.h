// SPDX-License-Identifier: Apache-2.0
//
// Second stage: which service a packet is for.
#pragma once

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// Shape: sets `service` and `hash` of survivors.
// Drops: kNotForService, kFragment, kUnsupported, kBadAddress, kTtlExpired.
template <Family F>
void classify(Burst<F>& burst, const Snapshot& snapshot, CoreContext& core) noexcept;

}  // namespace sluice::dataplane

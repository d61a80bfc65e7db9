// SPDX-License-Identifier: Apache-2.0
//
// Fourth stage: which service a packet is for that no known flow claims.
#pragma once

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// A known flow of this epoch needs no service: endpoints do not change without a new epoch
// (docs/decisions/0005-what-raises-the-eligibility-epoch.md).
// Shape: sets `service` of what stays in `fresh`.
// Drops: kNotForService, kFragment, kUnsupported, kBadAddress, kTtlExpired.
template <Family F>
void classify(Burst<F>& burst, const Snapshot& snapshot, CoreContext& core) noexcept;

}  // namespace sluice::dataplane

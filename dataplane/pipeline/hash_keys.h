// SPDX-License-Identifier: Apache-2.0
//
// Second stage: the keyed hash of every flow key, many at a time.
#pragma once

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// Sets `hash`, and sends for the flow table's bucket, which track reads next.
// Thread: lcore.  Alloc: none.
template <Family F>
void hash_keys(Burst<F>& burst, const CoreContext& core) noexcept;

}  // namespace sluice::dataplane

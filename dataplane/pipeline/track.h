// SPDX-License-Identifier: Apache-2.0
//
// Third stage: packets of known flows keep their backend; the others are set aside.
#pragma once

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// Shape: every packet of the burst is then in `live`, with a line and an account, or in `fresh`, in
// order: what has no flow, and flows that a closer look may end.  Cost: the bucket and the entry
// line, both fetched ahead.
template <Family F>
void track(Burst<F>& burst, const Snapshot& snapshot, CoreContext& core) noexcept;

}  // namespace sluice::dataplane

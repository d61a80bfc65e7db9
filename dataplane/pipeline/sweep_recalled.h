// SPDX-License-Identifier: Apache-2.0
//
// Between bursts, after a recall: cuts the flows on recalled backends that send nothing.
#pragma once

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// Looks at every flow once after each recall that the snapshot numbers, a bounded number per turn:
// all within a fifth of a second as long as turns are short enough. It waits while the event buffer
// has no room to spare, so that a recall loses no record; packets of a flow that waits are cut
// nevertheless. Then `counters.swept_recall` is the recall's number.
void sweep_recalled(const Snapshot& snapshot, CoreContext& core) noexcept;

}  // namespace sluice::dataplane

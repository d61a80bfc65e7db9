// SPDX-License-Identifier: Apache-2.0
//
// What an lcore does between bursts: it ends flows that nobody continues.
#pragma once

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// Goes on with the sweep that looks at every flow once a second, a bounded number per turn; it
// waits while the event buffer has no room to spare. Judges observed flows whose time has come.
void end_turn(CoreContext& core) noexcept;

// Ends flows for `reason` until the event buffer is full. True when no flow is left.
bool end_some_flows(EndReason reason, CoreContext& core) noexcept;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Observing flows of rollouts: of the candidate, and of an equally large part of the stable pool's
// clients. Each is judged once, at the age that its rollout says, or earlier when it ends or its
// client resets it; then it goes on as any other flow. Where a route leaves pools that answer late
// (`DegradedBound`), a bounded number of other flows is observed too, until their first response or
// for a window.
//
// Only TCP flows that a SYN opened here are observed. A flow whose client closed it is judged at
// its age all the same, since its server may still answer; one that moves, or is cut, at its end.
#pragma once

#include "dataplane/pipeline/core_context.h"
#include "dataplane/table/steer.h"

namespace sluice::dataplane {

// Begins to observe the flow that this packet opened, if its rollout or its route wants that. A
// rollout's flow for which there is no place is counted as missed.
template <Family F>
void begin_observing(const Packet<F>& packet, FlowEntry<F>& entry, const Decision& decision,
                     const Table& table, CoreContext& core) noexcept;

// Takes in one more packet of an observed flow, before the flow itself does.
template <Family F>
void observe_packet(const Packet<F>& packet, FlowEntry<F>& entry, CoreContext& core) noexcept;

// Judges the observed flow now.
template <Family F>
void stop_observing(FlowEntry<F>& entry, CoreContext& core) noexcept;

// Judges flows whose time has come, a bounded number.  Cost: one comparison when there is none.
void judge_due_observations(CoreContext& core) noexcept;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Third stage: packets of known flows keep their backend; the others are set aside for steering.
#pragma once

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// What becomes of a known flow when one more packet of it arrives.
enum class Fate : uint8_t {
  kStays,    // its backend serves it
  kReopens,  // it was closing and the client opens a new one on the same ports
  kMoves,    // its backend is gone, down, or no longer eligible for a flow that can move
  kCut,      // its pool may no longer serve this client, or was recalled
};
struct Verdict {
  Fate fate = Fate::kStays;
  EndReason reason = EndReason::kNone;  // why the part ends, unless it stays
  const BackendLine* line = nullptr;    // while it stays
};

// Re-checks eligibility when the entry's epoch is old.
template <Family F>
Verdict judge(const Packet<F>& packet, FlowEntry<F>& entry, const Snapshot& snapshot) noexcept;

// The client is told when the flow is TCP: by a reset.  Drops: kRevoked, kRejectLimited, kNoBuffer.
template <Family F>
void cut_flow(Packet<F>& packet, FlowEntry<F>& entry, EndReason reason, CoreContext& core) noexcept;

// Shape: survivors in `live` have a line and an account; `fresh` holds, in order, what has no flow
// or moves. Cost: the bucket and the entry line, both fetched ahead.  Drops: those of `cut_flow`.
template <Family F>
void track(Burst<F>& burst, const Snapshot& snapshot, CoreContext& core) noexcept;

}  // namespace sluice::dataplane

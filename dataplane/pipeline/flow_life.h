// SPDX-License-Identifier: Apache-2.0
//
// How a flow begins, goes on and ends on an lcore: entry, counters and events change together, here
// only.
#pragma once

#include "dataplane/flow/tcp_state.h"
#include "dataplane/pipeline/core_context.h"
#include "dataplane/table/steer.h"

namespace sluice::dataplane {

// A new flow with its first part.  Errors: nullptr when the flow table, or the flow's place in it,
// is full.
template <Family F>
FlowEntry<F>* begin_flow(Packet<F>& packet, const Decision& decision, const Snapshot& snapshot,
                         CoreContext& core) noexcept;

// Ends the part for `reason` and begins the next one at another backend.
template <Family F>
void begin_next_part(Packet<F>& packet, FlowEntry<F>& entry, const Decision& decision,
                     EndReason reason, const Snapshot& snapshot, CoreContext& core) noexcept;

// Moves the flow to the state that the packet's flags lead to, another than its own.
template <Family F>
void change_state(const Packet<F>& packet, FlowEntry<F>& entry, const Snapshot& snapshot,
                  CoreContext& core) noexcept;

template <Family F>
void advance_state(const Packet<F>& packet, FlowEntry<F>& entry, const Snapshot& snapshot,
                   CoreContext& core) noexcept {
  const bool stays_open =
      entry.state == FlowState::kOpen && (packet.tcp_flags & (kTcpFin | kTcpRst)) == 0;
  if (!stays_open && next_state(entry.state, packet.tcp_flags) != entry.state) [[unlikely]]
    change_state(packet, entry, snapshot, core);
}

template <Family F>
void account_for(Packet<F>& packet, FlowEntry<F>& entry, CoreContext& core) noexcept {
  packet.account.counts = &entry.counts;
  packet.account.target = &core.target(entry.target);
  packet.account.kind = Account::Kind::kRecorded;
}

// A packet of a flow that has no entry.
template <Family F>
void account_unrecorded(Packet<F>& packet, TargetId target, CoreContext& core) noexcept {
  packet.account.target = &core.target(target.value);
  packet.account.kind = Account::Kind::kUnrecorded;
  packet.account.is_syn = is_opening_syn(packet.tcp_flags);
}

// One more packet of the part: what the client shows, and whom the packet counts for.
template <Family F>
void continue_part(Packet<F>& packet, FlowEntry<F>& entry, const Snapshot& snapshot,
                   CoreContext& core) noexcept {
  entry.last_seen_ns = core.now_ns;
  entry.tcp_flags |= packet.tcp_flags;
  advance_state(packet, entry, snapshot, core);
  account_for(packet, entry, core);
}

// Ends the part and forgets the flow. Packets of this burst that wait to be sent still count for
// the part. Of what was cut only the entry is left, which is forgotten.
template <Family F>
void end_flow(FlowEntry<F>& entry, EndReason reason, CoreContext& core) noexcept;

// Ends the flow. Of TCP the entry stays for as long as one that closes, in state kCut, so that what
// its client still sends is refused and not taken for a flow that began elsewhere.
// Shape: `entry` is not in state kCut.
template <Family F>
void end_flow_by_cut(FlowEntry<F>& entry, EndReason reason, CoreContext& core) noexcept;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Known flows: stickiness, and the few things that end it.
#include "dataplane/pipeline/track.h"

#include "dataplane/pipeline/flow_life.h"
#include "dataplane/pipeline/reject.h"

namespace sluice::dataplane {

namespace {

template <Family F>
bool is_still_eligible(const Packet<F>& packet, const BackendLine& line,
                       const Table& table) noexcept {
  const ClassIndex client_class = table.classify_client<F>(packet.key.source());
  return table.is_eligible(packet.service, client_class, line.pool);
}

// True when the packet goes on with its line and account set.
template <Family F>
bool track_one(Packet<F>& packet, Burst<F>& burst, const Snapshot& snapshot,
               CoreContext& core) noexcept {
  FlowEntry<F>* const entry = core.flows<F>().find(packet.key, packet.hash);
  if (entry == nullptr) {
    burst.set_aside(packet);
    return false;
  }
  const Verdict verdict = judge(packet, *entry, snapshot);
  switch (verdict.fate) {
    case Fate::kStays:
      packet.line = verdict.line;
      continue_part(packet, *entry, snapshot, core);
      return true;
    case Fate::kReopens:
      // At once, so that packets right behind the SYN do not count for the old flow.
      end_flow(*entry, verdict.reason, core);
      burst.set_aside(packet);
      return false;
    case Fate::kMoves:
      burst.set_aside(packet);
      return false;
    case Fate::kCut:
      cut_flow(packet, *entry, verdict.reason, core);
      return false;
  }
  return false;
}

}  // namespace

template <Family F>
Verdict judge(const Packet<F>& packet, FlowEntry<F>& entry, const Snapshot& snapshot) noexcept {
  if (entry.state == FlowState::kClosing && is_opening_syn(packet.tcp_flags)) {
    return {Fate::kReopens, quiet_end(entry.state, entry.tcp_flags)};
  }
  const BackendLine* const line = snapshot.find(BackendId{entry.backend});
  if (line == nullptr || line->state == BackendState::kDown || line->expired) {
    return {Fate::kMoves, EndReason::kMoved};
  }
  if (line->state == BackendState::kRecalled) return {Fate::kCut, EndReason::kRecalled};
  const Table& table = *snapshot.table;
  if (entry.epoch != table.epoch) [[unlikely]] {
    if (!is_still_eligible(packet, *line, table)) {
      const bool can_move = entry.state == FlowState::kDatagram;
      return {can_move ? Fate::kMoves : Fate::kCut, EndReason::kRevoked};
    }
    entry.epoch = table.epoch;
  }
  return {Fate::kStays, EndReason::kNone, line};
}

template <Family F>
void cut_flow(Packet<F>& packet, FlowEntry<F>& entry, EndReason reason,
              CoreContext& core) noexcept {
  end_flow(entry, reason, core);
  reject(packet, RejectKind::kReset, DropReason::kRevoked, core);
}

template <Family F>
void track(Burst<F>& burst, const Snapshot& snapshot, CoreContext& core) noexcept {
  FlowTable<F>& flows = core.flows<F>();
  for (uint8_t i = 0; i < burst.count; ++i)
    flows.prefetch_entry(burst.at(i).hash);
  burst.filter([&](Packet<F>& packet) { return track_one(packet, burst, snapshot, core); });
}

using Packet4 = Packet<Family::kIpv4>;
using Packet6 = Packet<Family::kIpv6>;

template Verdict judge(const Packet4&, FlowEntry<Family::kIpv4>&, const Snapshot&) noexcept;
template Verdict judge(const Packet6&, FlowEntry<Family::kIpv6>&, const Snapshot&) noexcept;
template void cut_flow(Packet4&, FlowEntry<Family::kIpv4>&, EndReason, CoreContext&) noexcept;
template void cut_flow(Packet6&, FlowEntry<Family::kIpv6>&, EndReason, CoreContext&) noexcept;
template void track(Burst<Family::kIpv4>&, const Snapshot&, CoreContext&) noexcept;
template void track(Burst<Family::kIpv6>&, const Snapshot&, CoreContext&) noexcept;

}  // namespace sluice::dataplane

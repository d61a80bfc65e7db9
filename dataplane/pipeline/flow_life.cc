// SPDX-License-Identifier: Apache-2.0
//
// The life of flows.
#include "dataplane/pipeline/flow_life.h"

#include <algorithm>

#include "dataplane/pipeline/observe.h"

namespace sluice::dataplane {

namespace {

constexpr unsigned kFlowIdLcoreShift = 48;

FlowEvent* record(const FlowEvent& event, CoreContext& core) noexcept {
  FlowEvent* const place = core.events.push(event);
  if (place == nullptr) core.counters.records_lost.add(1);
  return place;
}

// Opened by a SYN or a datagram, or taken over in the middle.
Opened opening_of(uint8_t protocol, uint8_t tcp_flags) noexcept {
  if (protocol != kProtocolTcp) return Opened::kDatagram;
  return is_opening_syn(tcp_flags) ? Opened::kSyn : Opened::kAdopted;
}

// Looks the service up: a known flow's packet comes here without one.
template <Family F>
uint32_t timeout_of(const Packet<F>& packet, FlowState state, const Snapshot& snapshot,
                    const CoreContext& core) noexcept {
  const Table& table = *snapshot.table;
  const ServiceIndex service = table.service_lookup.find(packet.key);
  const uint32_t tcp_idle_ms = service.is_none() ? 0 : table.services[service.value].tcp_idle_ms;
  return timeout_ms(state, core.timeouts, tcp_idle_ms);
}

// Everything that belongs to the part and not to the flow.
template <Family F>
void begin_part(Packet<F>& packet, FlowEntry<F>& entry, const Decision& decision,
                const Snapshot& snapshot, CoreContext& core) noexcept {
  const Table& table = *snapshot.table;
  entry.counts = {};
  entry.last_seen_ns = core.now_ns;
  entry.backend = decision.line->id.value;
  entry.target = decision.target.value;
  entry.epoch = table.epoch;
  entry.tcp_flags = packet.tcp_flags;

  FlowDetail& detail = core.flows<F>().detail(entry);
  detail.generation = table.generation;
  detail.revision = table.revision;
  detail.view = snapshot.view;
  detail.start_ns = core.now_ns;
  detail.client_class = table.classes[decision.client_class.value].id.value;
  detail.handshake_us = 0;
  ++detail.part;

  core.target(entry.target).flows_opened.add(1);
  record(make_event(entry, detail, EndReason::kNone, core.origin()), core);
  account_for(packet, entry, core);
}

// Writes the part's end. Its packets that are not sent yet will be added to the event that waits in
// the buffer.
template <Family F>
void end_part(FlowEntry<F>& entry, EndReason reason, CoreContext& core) noexcept {
  if (entry.is_observed) [[unlikely]]
    stop_observing(entry, core);
  FlowTable<F>& flows = core.flows<F>();
  core.target(entry.target).flows_ended.add(1);
  FlowEvent* const event =
      record(make_event(entry, flows.detail(entry), reason, core.origin()), core);
  for (Packet<F>& packet : core.burst<F>().all()) {
    if (packet.account.counts != &entry.counts) continue;
    packet.account.counts = event == nullptr ? nullptr : &event->counts;
  }
}

}  // namespace

template <Family F>
FlowEntry<F>* begin_flow(Packet<F>& packet, const Decision& decision, const Snapshot& snapshot,
                         CoreContext& core) noexcept {
  FlowTable<F>& flows = core.flows<F>();
  FlowEntry<F>* const entry = flows.insert(packet.key, packet.hash);
  if (entry == nullptr) [[unlikely]]
    return nullptr;
  const bool is_tcp = packet.key.protocol() == kProtocolTcp;
  entry->state = is_tcp ? first_state(packet.tcp_flags) : FlowState::kDatagram;
  entry->opened = opening_of(packet.key.protocol(), packet.tcp_flags);
  entry->timeout_ms = timeout_of(packet, entry->state, snapshot, core);
  flows.detail(*entry) =
      FlowDetail{.flow_id = uint64_t{core.lcore} << kFlowIdLcoreShift | ++core.flows_begun};
  core.counters.flows_opened.add(1);
  begin_part(packet, *entry, decision, snapshot, core);
  if (entry->opened == Opened::kSyn) core.handshakes[entry->target].begun.add(1);
  return entry;
}

template <Family F>
void begin_next_part(Packet<F>& packet, FlowEntry<F>& entry, const Decision& decision,
                     EndReason reason, const Snapshot& snapshot, CoreContext& core) noexcept {
  end_part(entry, reason, core);
  advance_state(packet, entry, snapshot, core);
  begin_part(packet, entry, decision, snapshot, core);
}

template <Family F>
void change_state(const Packet<F>& packet, FlowEntry<F>& entry, const Snapshot& snapshot,
                  CoreContext& core) noexcept {
  const FlowState state = next_state(entry.state, packet.tcp_flags);
  if (entry.state == FlowState::kOpening && state == FlowState::kOpen) {
    FlowDetail& detail = core.flows<F>().detail(entry);
    const uint64_t handshake_us = (core.now_ns - detail.start_ns) / 1000;
    detail.handshake_us = static_cast<uint32_t>(std::clamp<uint64_t>(handshake_us, 1, UINT32_MAX));
    HandshakeCounters& handshakes = core.handshakes[entry.target];
    handshakes.completed.add(1);
    handshakes.us.add(detail.handshake_us);
  }
  entry.state = state;
  entry.timeout_ms = timeout_of(packet, state, snapshot, core);
}

template <Family F>
void end_flow(FlowEntry<F>& entry, EndReason reason, CoreContext& core) noexcept {
  if (entry.state == FlowState::kCut) [[unlikely]] {
    --core.cut_entries;
    ++core.cut_entries_erased;
  } else {
    end_part(entry, reason, core);
    core.counters.flows_ended.add(1);
  }
  core.flows<F>().erase(entry);
}

template <Family F>
void end_flow_by_cut(FlowEntry<F>& entry, EndReason reason, CoreContext& core) noexcept {
  if (reason == EndReason::kRecalled) core.target(entry.target).flows_recalled.add(1);
  if (entry.key.protocol() != kProtocolTcp) return end_flow(entry, reason, core);
  end_part(entry, reason, core);
  core.counters.flows_ended.add(1);
  ++core.cut_entries;
  entry.state = FlowState::kCut;
  entry.counts = {};
  entry.last_seen_ns = core.now_ns;
  entry.timeout_ms = timeout_ms(FlowState::kCut, core.timeouts, 0);
  core.flows<F>().detail(entry).cut_reason = reason;
}

using Packet4 = Packet<Family::kIpv4>;
using Packet6 = Packet<Family::kIpv6>;
using Entry4 = FlowEntry<Family::kIpv4>;
using Entry6 = FlowEntry<Family::kIpv6>;

template Entry4* begin_flow(Packet4&, const Decision&, const Snapshot&, CoreContext&) noexcept;
template Entry6* begin_flow(Packet6&, const Decision&, const Snapshot&, CoreContext&) noexcept;
template void begin_next_part(Packet4&, Entry4&, const Decision&, EndReason, const Snapshot&,
                              CoreContext&) noexcept;
template void begin_next_part(Packet6&, Entry6&, const Decision&, EndReason, const Snapshot&,
                              CoreContext&) noexcept;
template void change_state(const Packet4&, Entry4&, const Snapshot&, CoreContext&) noexcept;
template void change_state(const Packet6&, Entry6&, const Snapshot&, CoreContext&) noexcept;
template void end_flow(Entry4&, EndReason, CoreContext&) noexcept;
template void end_flow(Entry6&, EndReason, CoreContext&) noexcept;
template void end_flow_by_cut(Entry4&, EndReason, CoreContext&) noexcept;
template void end_flow_by_cut(Entry6&, EndReason, CoreContext&) noexcept;

}  // namespace sluice::dataplane

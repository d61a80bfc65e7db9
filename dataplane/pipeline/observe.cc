// SPDX-License-Identifier: Apache-2.0
//
// Which flows are observed, by which packets, and what is written about them.
#include "dataplane/pipeline/observe.h"

#include <algorithm>
#include <cstring>

#include "dataplane/net/headers.h"

namespace sluice::dataplane {

namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
constexpr uint64_t kNsPerUs = 1'000;
// Bounds a turn: a line of the observation, of the entry and of the event each.
constexpr uint32_t kJudgedPerTurnMax = 64;
// A client that opened a connection for a request sends it by then. One that did not gives its
// place in the sample back: connections that nobody completes must not fill it.
constexpr uint64_t kRequestWaitNs = 3'000'000'000;

template <Family F>
ClientSegment segment_of(const Packet<F>& packet, uint64_t now_ns) noexcept {
  const uint8_t* const header = packet.ip() + packet.l4_offset;
  const uint32_t header_bytes = uint32_t{header[tcp::kDataOffset]} / 16 * 4;
  return {.time_ns = now_ns,
          .sequence = load_be32(header + tcp::kSequence),
          .acknowledgment = load_be32(header + tcp::kAcknowledgment),
          .payload_bytes = uint32_t{packet.ip_bytes()} - packet.l4_offset - header_bytes,
          .tcp_flags = packet.tcp_flags};
}

// Whether this client opened a flow of the same side of the same rollout less than the age ago.
// The sides are told apart, so that where clients change between them none is blamed for the other.
template <Family F>
bool note_client(const FlowKey<F>& key, const ObservedFlow& flow, CoreContext& core) noexcept {
  const uint64_t client_hash = core.flows<F>().hash(affinity_key(AffinityKind::kClient, key));
  const uint64_t side = uint64_t{flow.rollout} << 1 | (flow.is_candidate ? 1 : 0);
  return core.recent_clients.note(rehash(client_hash, side), core.now_ns / kNsPerMs, flow.age_ms);
}

void clear_mark(const ObservedFlow& flow, CoreContext& core) noexcept {
  if (flow.family == Family::kIpv4) {
    core.flows_v4.at(flow.entry).is_observed = false;
  } else {
    core.flows_v6.at(flow.entry).is_observed = false;
  }
}

// The time at which every flow of the rollout is judged, or now when that is earlier.
uint32_t age_ms_of(const ObservedFlow& flow, uint64_t now_ns) noexcept {
  const uint64_t age_ms = (now_ns - flow.seen.start_ns) / kNsPerMs;
  return static_cast<uint32_t>(std::min<uint64_t>(age_ms, flow.age_ms));
}

// Whether the flow went where its side goes, and not where it had to because that did not serve.
bool is_where_it_belongs(const Decision& decision) noexcept {
  const bool is_candidate = decision.role == RolloutRole::kCandidate;
  return decision.cause == (is_candidate ? PoolCause::kRollout : PoolCause::kSplit);
}

// A pool of the split, which the route leaves when it answers late.
bool is_judged_by_responses(const Route& route, const Decision& decision) noexcept {
  return route.degraded_bound.judges_responses() && decision.use < route.split_count;
}

// For how long the rollout that has a say in the flow wants it observed; 0: it does not.
uint64_t rollout_age_ms(const Route& route, const Decision& decision) noexcept {
  if (decision.role == RolloutRole::kNone || !is_where_it_belongs(decision)) return 0;
  return route.rollouts[decision.rollout].observe_age_ms;
}

// Sums up how long the flow waited for its first response, and gives its place in the sample back.
// One that got none has waited until now at least, and counts with that: a server that never
// answers is not left out.
void count_response(ObservedFlow& flow, CoreContext& core) noexcept {
  flow.awaits_response = false;
  --core.sampled_flows;
  if (!flow.seen.has_request) return;
  ResponseCounters& responses = core.responses[flow.target];
  responses.count.add(1);
  responses.us.add(flow.seen.response_us != 0 ? flow.seen.response_us
                                              : (core.now_ns - flow.seen.request_ns) / kNsPerUs);
}

// Writes down what was seen for the rollout.
void write(const ObservedFlow& flow, CoreContext& core) noexcept {
  const Observation& seen = flow.seen;
  const bool has_room = core.observations.push({.start_ns = seen.start_ns + core.realtime_offset_ns,
                                                .response_bytes = response_bytes(seen),
                                                .client = flow.client,
                                                .target = flow.target,
                                                .rollout = flow.rollout,
                                                .age_ms = age_ms_of(flow, core.now_ns),
                                                .syn_retransmissions = seen.syn_retransmissions,
                                                .handshake_us = seen.handshake_us,
                                                .request_bytes = seen.request_bytes,
                                                .response_us = seen.response_us,
                                                .family = flow.family,
                                                .is_candidate = flow.is_candidate,
                                                .was_reset = seen.was_reset,
                                                .is_reconnect = flow.is_reconnect}) != nullptr;
  if (!has_room) core.counters.observations_missed.add(1);
}

// Takes in what was seen; the flow goes on unobserved.
void judge(ObservedFlow& flow, CoreContext& core) noexcept {
  if (flow.awaits_response) count_response(flow, core);
  if (flow.rollout != 0) write(flow, core);
  clear_mark(flow, core);
  core.observed.remove(flow);
}

bool is_waiting(const ObservedFlow& flow, uint64_t now_ns) noexcept {
  return flow.awaits_response && flow.seen.has_request && now_ns < flow.response_due_ns;
}

// At the flow's time. A rollout judges at an age that may be far shorter than a slow response
// takes: what waits for one goes on waiting.
void judge_due(ObservedFlow& flow, CoreContext& core) noexcept {
  if (!is_waiting(flow, core.now_ns)) return judge(flow, core);
  if (flow.rollout != 0) write(flow, core);
  flow.rollout = 0;
  core.observed.postpone(flow, flow.response_due_ns);
}

}  // namespace

template <Family F>
void begin_observing(const Packet<F>& packet, FlowEntry<F>& entry, const Decision& decision,
                     const Table& table, CoreContext& core) noexcept {
  if (packet.key.protocol() != kProtocolTcp || !is_opening_syn(packet.tcp_flags)) return;
  const Route& route = table.routes[decision.route.value];
  const uint64_t wanted_ms = rollout_age_ms(route, decision);
  const bool is_rollouts = wanted_ms != 0;
  // Whether it is of the sample is not left to how it goes.
  const bool awaits_response =
      is_judged_by_responses(route, decision) && core.sampled_flows < kSampledFlowsMax;
  if (!is_rollouts && !awaits_response) return;
  const uint64_t age_ns = std::min(wanted_ms * kNsPerMs, ObservationTable::kAgeMaxNs);
  const uint64_t window_ns =
      std::min(route.degraded_bound.window_ms * kNsPerMs, ObservationTable::kAgeMaxNs);
  ObservedFlow flow{
      .seen = begin_observation(segment_of(packet, core.now_ns)),
      .due_ns = core.now_ns + (is_rollouts ? age_ns : std::min(window_ns, kRequestWaitNs)),
      .response_due_ns = core.now_ns + window_ns,
      .entry = core.flows<F>().position(entry),
      .target = entry.target,
      .age_ms = static_cast<uint32_t>(age_ns / kNsPerMs),
      .family = F,
      .awaits_response = awaits_response};
  if (is_rollouts) {
    flow.rollout = route.rollouts[decision.rollout].id.value;
    flow.is_candidate = decision.role == RolloutRole::kCandidate;
    std::memcpy(flow.client.data(), packet.key.source(),
                std::min(FlowKey<F>::kAddressBytes, flow.client.size()));
    flow.is_reconnect = note_client(packet.key, flow, core);
  }
  const ObservedFlow* const added = core.observed.add(flow);
  if (added == nullptr) {
    if (is_rollouts) core.counters.observations_missed.add(1);
    return;
  }
  if (awaits_response) ++core.sampled_flows;
  core.flows<F>().detail(entry).observation = core.observed.place(*added);
  entry.is_observed = true;
}

template <Family F>
void observe_packet(const Packet<F>& packet, FlowEntry<F>& entry, CoreContext& core) noexcept {
  ObservedFlow& flow = core.observed.at(core.flows<F>().detail(entry).observation);
  if (core.now_ns >= flow.due_ns) {
    judge_due(flow, core);
    if (!entry.is_observed) return;
  }
  observe(segment_of(packet, core.now_ns), flow.seen);
  if (flow.awaits_response && flow.seen.response_us != 0) count_response(flow, core);
  const bool is_all_seen = flow.rollout == 0 && !flow.awaits_response;
  if (is_all_seen || flow.seen.was_reset) judge(flow, core);
}

template <Family F>
void stop_observing(FlowEntry<F>& entry, CoreContext& core) noexcept {
  judge(core.observed.at(core.flows<F>().detail(entry).observation), core);
}

void judge_due_observations(CoreContext& core) noexcept {
  core.observed.take_due(core.now_ns, kJudgedPerTurnMax,
                         [&core](ObservedFlow& flow) { judge_due(flow, core); });
}

using Packet4 = Packet<Family::kIpv4>;
using Packet6 = Packet<Family::kIpv6>;
using Entry4 = FlowEntry<Family::kIpv4>;
using Entry6 = FlowEntry<Family::kIpv6>;

template void begin_observing(const Packet4&, Entry4&, const Decision&, const Table&,
                              CoreContext&) noexcept;
template void begin_observing(const Packet6&, Entry6&, const Decision&, const Table&,
                              CoreContext&) noexcept;
template void observe_packet(const Packet4&, Entry4&, CoreContext&) noexcept;
template void observe_packet(const Packet6&, Entry6&, CoreContext&) noexcept;
template void stop_observing(Entry4&, CoreContext&) noexcept;
template void stop_observing(Entry6&, CoreContext&) noexcept;

}  // namespace sluice::dataplane

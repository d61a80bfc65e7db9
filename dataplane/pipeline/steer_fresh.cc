// SPDX-License-Identifier: Apache-2.0
//
// New flows, and known ones whose backend went.
#include "dataplane/pipeline/steer_fresh.h"

#include <chrono>
#include <cstring>

#include "dataplane/net/headers.h"
#include "dataplane/pipeline/cut.h"
#include "dataplane/pipeline/flow_life.h"
#include "dataplane/pipeline/observe.h"
#include "dataplane/pipeline/reject.h"
#include "dataplane/table/steer_steps.h"

namespace sluice::dataplane {

namespace {

// What becomes of a known flow when one more packet of it arrives.
enum class Fate : uint8_t {
  kStays,    // its backend serves it
  kReopens,  // it is over, and the client opens a new one on the same ports
  kMoves,    // its backend is gone, down, or no longer eligible for a flow that can move
  kCut,      // its pool may no longer serve this client, gave it up, or was recalled; or it was cut
             // before
};
struct Verdict {
  Fate fate = Fate::kStays;
  EndReason reason = EndReason::kNone;  // why the part ends, unless it stays
  const BackendLine* line = nullptr;    // while it stays
};

template <Family F>
bool may_stay(const Packet<F>& packet, const FlowEntry<F>& entry, const BackendLine& line,
              const Table& table) noexcept {
  const ClassIndex client_class = table.classify_client<F>(packet.key.source());
  return table.is_eligible(packet.service, client_class, line.pool) &&
         !table.is_evicted(packet.service, client_class, line.pool, TargetId{entry.target});
}

// Whether a SYN on this flow is the first packet of another. Servers answer directly, so that one
// that reset a connection looks like one that waits; its client may take the port again and must
// not come back to that server for it. A SYN that comes late belongs to the handshake that it
// began.
template <Family F>
bool is_over(const FlowEntry<F>& entry, const CoreContext& core) noexcept {
  if (entry.state >= FlowState::kClosing) return true;
  const uint64_t quiet_ns = core.now_ns - entry.last_seen_ns;
  return entry.state == FlowState::kOpen &&
         quiet_ns >=
             static_cast<uint64_t>(std::chrono::nanoseconds(core.timeouts.tcp_opening).count());
}

// Judges by everything that may end a part. Re-checks eligibility when the entry's epoch is old.
template <Family F>
Verdict judge(const Packet<F>& packet, FlowEntry<F>& entry, const Snapshot& snapshot,
              const CoreContext& core) noexcept {
  if (is_opening_syn(packet.tcp_flags) && is_over(entry, core)) {
    return {Fate::kReopens, quiet_end(entry.state, entry.tcp_flags)};
  }
  if (entry.state == FlowState::kCut) return {Fate::kCut};
  const BackendLine* const line = snapshot.find(BackendId{entry.backend});
  if (line != nullptr && line->state == BackendState::kRecalled)
    return {Fate::kCut, EndReason::kRecalled};
  if (line == nullptr || line->state == BackendState::kDown || line->expired) {
    return {Fate::kMoves, EndReason::kMoved};
  }
  if (entry.epoch != snapshot.epoch) {
    if (!may_stay(packet, entry, *line, *snapshot.table)) {
      const bool can_move = entry.state == FlowState::kDatagram;
      return {can_move ? Fate::kMoves : Fate::kCut, EndReason::kRevoked};
    }
    entry.epoch = snapshot.epoch;
  }
  return {Fate::kStays, EndReason::kNone, line};
}

template <Family F>
Opening opening_of(const Packet<F>& packet) noexcept {
  const bool is_fresh = packet.key.protocol() != kProtocolTcp || is_opening_syn(packet.tcp_flags);
  return is_fresh ? Opening::kFresh : Opening::kAdopted;
}

// Of the IP header, which parse had in the cache just now.
template <Family F>
uint32_t dscp_of(const Packet<F>& packet) noexcept {
  if constexpr (F == Family::kIpv4) {
    return packet.ip()[ipv4::kTos] >> 2;
  } else {
    return load_be16(packet.ip() + ipv6::kVersionClassLabel) >> 6 & 0x3f;
  }
}

template <Family F>
void reject_unsteered(Packet<F>& packet, const Decision& decision, const Snapshot& snapshot,
                      CoreContext& core) noexcept {
  const DropReason reason =
      decision.verdict == SteerVerdict::kNoRoute ? DropReason::kNoRoute : DropReason::kNoPool;
  reject(packet, snapshot.table->services[packet.service.value].reject, reason, core);
}

template <Family F>
void refuse_unrecorded(Packet<F>& packet, const Snapshot& snapshot, CoreContext& core) noexcept {
  core.counters.audit_refused.add(1);
  reject(packet, snapshot.table->services[packet.service.value].reject, DropReason::kAuditRefused,
         core);
}

// A tunnel of ours that comes back here would go round for ever.
template <Family F>
bool is_own_tunnel(const Packet<F>& packet) noexcept {
  constexpr size_t kOuterBytes = F == Family::kIpv4 ? ipv4::kHeaderBytes : ipv6::kHeaderBytes;
  const BackendLine& line = *packet.line;
  return line.outer_bytes == kOuterBytes &&
         std::memcmp(packet.key.source(), line.outer_addresses.data(), FlowKey<F>::kAddressBytes) ==
             0;
}

// The end of one part and the beginning of the next.
constexpr uint32_t kEventsPerFlow = 2;

// Ends the known part, if any, and opens what follows it.  True when the packet has a line and an
// account.  Shape: `decision` has its first step.
template <Family F>
bool open(Packet<F>& packet, FlowEntry<F>* known, EndReason reason, Decision& decision,
          const Snapshot& snapshot, CoreContext& core) noexcept {
  if (decision.verdict == SteerVerdict::kForward) [[likely]]
    choose_backend(snapshot, opening_of(packet), decision);
  if (decision.verdict != SteerVerdict::kForward) [[unlikely]] {
    if (known != nullptr) end_flow(*known, reason, core);
    reject_unsteered(packet, decision, snapshot, core);
    return false;
  }
  packet.line = decision.line;
  if (is_own_tunnel(packet)) [[unlikely]] {
    if (known != nullptr) end_flow(*known, reason, core);
    core.drop(packet.mbuf, DropReason::kBadAddress);
    return false;
  }
  if (decision.must_record && !(snapshot.can_record && core.events.room() >= kEventsPerFlow))
      [[unlikely]] {
    if (known != nullptr) end_flow(*known, reason, core);
    refuse_unrecorded(packet, snapshot, core);
    return false;
  }
  if (known != nullptr) {
    begin_next_part(packet, *known, decision, reason, snapshot, core);
    return true;
  }
  // A full table is seen here already: a flood is sent on for as little as can be.
  FlowEntry<F>* const entry =
      core.flows<F>().is_full() ? nullptr : begin_flow(packet, decision, snapshot, core);
  if (entry == nullptr) {
    if (decision.must_record) [[unlikely]] {
      refuse_unrecorded(packet, snapshot, core);
      return false;
    }
    account_unrecorded(packet, decision.target, core);
    return true;
  }
  if (decision.role != RolloutRole::kNone || decision.may_judge_responses) [[unlikely]]
    begin_observing(packet, *entry, decision, *snapshot.table, core);
  return true;
}

// How often flows, or what is left of them, came and went.
uint64_t flow_changes(const CoreContext& core) noexcept {
  return core.counters.flows_opened.read() + core.counters.flows_ended.read() +
         core.cut_entries_erased;
}

// What track found holds until a packet of this burst opens or ends a flow: it may be this one.
template <Family F>
FlowEntry<F>* entry_of(Packet<F>& packet, bool is_as_tracked, CoreContext& core) noexcept {
  return is_as_tracked ? packet.entry : core.flows<F>().find(packet.key, packet.hash);
}

template <Family F>
void hash_affinities(Burst<F>& burst, const Table& table, const FlowTable<F>& flows,
                     HashColumn& out) noexcept {
  for (size_t i = 0; i < burst.fresh_count; ++i) {
    const Packet<F>& packet = *burst.fresh[i];
    burst.columns.set(i, affinity_key(table.services[packet.service.value].affinity, packet.key));
  }
  flows.hash(table.steering_key, burst.columns, burst.fresh_count, out);
}

// The first step of steering for each.
template <Family F>
void choose_pools(Burst<F>& burst, const Snapshot& snapshot, const FlowTable<F>& flows) noexcept {
  HashColumn affinity;
  hash_affinities(burst, *snapshot.table, flows, affinity);
  for (size_t i = 0; i < burst.fresh_count; ++i) {
    const Packet<F>& packet = *burst.fresh[i];
    choose_pool<F>(snapshot, packet.service, packet.key, affinity.hashes[i],
                   {opening_of(packet), dscp_of(packet)}, burst.decisions[i]);
  }
}

// A packet of a flow that another packet of this burst opened, or that track minded.
template <Family F>
bool reconsider(Packet<F>& packet, FlowEntry<F>& entry, Decision& decision,
                const Snapshot& snapshot, CoreContext& core) noexcept {
  const Verdict verdict = judge(packet, entry, snapshot, core);
  switch (verdict.fate) {
    case Fate::kStays:
      packet.line = verdict.line;
      if (entry.is_observed) observe_packet(packet, entry, core);
      continue_part(packet, entry, snapshot, core);
      return true;
    case Fate::kReopens:
      end_flow(entry, verdict.reason, core);
      return open<F>(packet, nullptr, EndReason::kNone, decision, snapshot, core);
    case Fate::kMoves:
      return open(packet, &entry, verdict.reason, decision, snapshot, core);
    case Fate::kCut:
      cut(packet, entry, verdict.reason, snapshot, core);
      return false;
  }
  return false;
}

}  // namespace

// All first steps before any second one, so that their lines arrive meanwhile.
template <Family F>
void steer_fresh(Burst<F>& burst, const Snapshot& snapshot, CoreContext& core) noexcept {
  if (burst.fresh_count == 0) return;
  choose_pools(burst, snapshot, core.flows<F>());
  const uint64_t changes_tracked = flow_changes(core);
  for (size_t i = 0; i < burst.fresh_count; ++i) {
    Packet<F>& packet = *burst.fresh[i];
    FlowEntry<F>* const entry = entry_of(packet, flow_changes(core) == changes_tracked, core);
    Decision& decision = burst.decisions[i];
    const bool is_sent = entry == nullptr
                             ? open<F>(packet, nullptr, EndReason::kNone, decision, snapshot, core)
                             : reconsider(packet, *entry, decision, snapshot, core);
    if (is_sent) burst.forward(packet);
  }
  burst.fresh_count = 0;
}

template void steer_fresh(Burst<Family::kIpv4>&, const Snapshot&, CoreContext&) noexcept;
template void steer_fresh(Burst<Family::kIpv6>&, const Snapshot&, CoreContext&) noexcept;

}  // namespace sluice::dataplane

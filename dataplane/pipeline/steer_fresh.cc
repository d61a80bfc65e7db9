// SPDX-License-Identifier: Apache-2.0
//
// New flows, and known ones whose backend went.
#include "dataplane/pipeline/steer_fresh.h"

#include "dataplane/pipeline/flow_life.h"
#include "dataplane/pipeline/reject.h"
#include "dataplane/pipeline/track.h"

namespace sluice::dataplane {

namespace {

template <Family F>
Opening opening_of(const Packet<F>& packet) noexcept {
  const bool is_fresh = packet.key.protocol() != kProtocolTcp || is_opening_syn(packet.tcp_flags);
  return is_fresh ? Opening::kFresh : Opening::kAdopted;
}

template <Family F>
void reject_unsteered(Packet<F>& packet, const Decision& decision, const Snapshot& snapshot,
                      CoreContext& core) noexcept {
  const DropReason reason =
      decision.verdict == SteerVerdict::kNoRoute ? DropReason::kNoRoute : DropReason::kNoPool;
  reject(packet, snapshot.table->services[packet.service.value].reject, reason, core);
}

// Ends the known part, if any, and opens what follows it.  True when the packet has a line and an
// account.
template <Family F>
bool open(Packet<F>& packet, FlowEntry<F>* known, EndReason reason, const Snapshot& snapshot,
          CoreContext& core) noexcept {
  const Decision decision = steer<F>(snapshot, packet.service, packet.key, opening_of(packet));
  if (decision.verdict != SteerVerdict::kForward) [[unlikely]] {
    if (known != nullptr) end_flow(*known, reason, core);
    reject_unsteered(packet, decision, snapshot, core);
    return false;
  }
  if (known != nullptr) {
    begin_next_part(packet, *known, decision, reason, snapshot, core);
  } else {
    begin_flow(packet, decision, snapshot, core);
  }
  packet.line = snapshot.find(decision.backend);
  return true;
}

// An earlier packet of this burst may have opened the flow, so it is looked up once more.
template <Family F>
bool steer_one(Packet<F>& packet, const Snapshot& snapshot, CoreContext& core) noexcept {
  FlowEntry<F>* const entry = core.flows<F>().find(packet.key, packet.hash);
  if (entry == nullptr) return open<F>(packet, nullptr, EndReason::kNone, snapshot, core);

  const Verdict verdict = judge(packet, *entry, snapshot);
  switch (verdict.fate) {
    case Fate::kStays:
      packet.line = verdict.line;
      continue_part(packet, *entry, snapshot, core);
      return true;
    case Fate::kReopens:
      end_flow(*entry, verdict.reason, core);
      return open<F>(packet, nullptr, EndReason::kNone, snapshot, core);
    case Fate::kMoves:
      return open(packet, entry, verdict.reason, snapshot, core);
    case Fate::kCut:
      cut_flow(packet, *entry, verdict.reason, core);
      return false;
  }
  return false;
}

}  // namespace

template <Family F>
void steer_fresh(Burst<F>& burst, const Snapshot& snapshot, CoreContext& core) noexcept {
  for (uint8_t i = 0; i < burst.fresh_count; ++i) {
    const uint8_t position = burst.fresh[i];
    if (steer_one(burst.packets[position], snapshot, core)) burst.live[burst.count++] = position;
  }
  burst.fresh_count = 0;
}

template void steer_fresh(Burst<Family::kIpv4>&, const Snapshot&, CoreContext&) noexcept;
template void steer_fresh(Burst<Family::kIpv6>&, const Snapshot&, CoreContext&) noexcept;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Cutting known flows.
#include "dataplane/pipeline/cut.h"

#include "dataplane/pipeline/encapsulate.h"
#include "dataplane/pipeline/flow_life.h"
#include "dataplane/pipeline/reject.h"
#include "dataplane/pipeline/reset.h"

namespace sluice::dataplane {

namespace {

constexpr Account kBesideThePacket{.counts = nullptr,
                                   .target = nullptr,
                                   .bytes = 0,
                                   .kind = Account::Kind::kExtra,
                                   .is_syn = false};

DropReason drop_reason_of(EndReason reason) noexcept {
  return reason == EndReason::kRecalled ? DropReason::kRecalled : DropReason::kRevoked;
}

// The numbers with which the backend takes a reset for its client's: the packet did not reach it,
// so that it still waits for the sequence number with which the packet begins. RFC 5961 section 3.2
// asks for exactly this one.
template <Family F>
ResetNumbers numbers_of_client(const Packet<F>& packet) noexcept {
  const uint8_t* const segment = packet.ip() + packet.l4_offset;
  const uint32_t sequence = load_be32(segment + tcp::kSequence);
  const bool has_ack = (packet.tcp_flags & kTcpAck) != 0;
  return {.sequence = (packet.tcp_flags & kTcpSyn) != 0 ? sequence + 1 : sequence,
          .acknowledgment = has_ack ? load_be32(segment + tcp::kAcknowledgment) : 0,
          .acknowledges = has_ack};
}

// A reset from the client to the service, in a frame like the packet's.  Errors: nullptr when there
// is no mbuf.
template <Family F>
rte_mbuf* make_reset(const Packet<F>& packet) noexcept {
  rte_mbuf* const mbuf = rte_pktmbuf_alloc(packet.mbuf->pool);
  if (mbuf == nullptr) return nullptr;
  auto* const frame = reinterpret_cast<uint8_t*>(
      rte_pktmbuf_append(mbuf, static_cast<uint16_t>(packet.l2_bytes + kResetBytes<F>)));
  if (frame == nullptr) {
    rte_pktmbuf_free(mbuf);
    return nullptr;
  }
  std::memcpy(frame, packet.frame(), packet.l2_bytes);
  write_reset<F>(frame + packet.l2_bytes, forth(packet.key), numbers_of_client(packet));
  return mbuf;
}

template <Family F>
void reset_backend(const Packet<F>& packet, BackendId backend, const Snapshot& snapshot,
                   CoreContext& core) noexcept {
  const BackendLine* const line = snapshot.find(backend);
  if (line == nullptr || core.tx_by_port[line->port] == nullptr) return;
  rte_mbuf* const mbuf = make_reset(packet);
  if (mbuf == nullptr) return;
  Packet<F> reset;
  reset.mbuf = mbuf;
  reset.l2_bytes = packet.l2_bytes;
  reset.account.bytes = kResetBytes<F>;
  if (encapsulate_one(reset, *line) != DropReason::kCount) return rte_pktmbuf_free(mbuf);
  core.send(line->port, mbuf, kBesideThePacket);
}

}  // namespace

template <Family F>
void cut(Packet<F>& packet, FlowEntry<F>& entry, EndReason reason, const Snapshot& snapshot,
         CoreContext& core) noexcept {
  const BackendId backend{entry.backend};
  if (entry.state == FlowState::kCut) {
    reason = core.flows<F>().detail(entry).cut_reason;
    entry.last_seen_ns = core.now_ns;
  } else {
    end_flow_by_cut(entry, reason, core);
  }
  const bool is_allowed = core.cut_replies.take(core.now_ns);
  if (!is_allowed) return core.drop(packet.mbuf, DropReason::kRejectLimited);
  if (packet.key.protocol() == kProtocolTcp && reason != EndReason::kRevoked)
    reset_backend(packet, backend, snapshot, core);
  answer(packet, RejectKind::kReset, drop_reason_of(reason), core);
}

template void cut(Packet<Family::kIpv4>&, FlowEntry<Family::kIpv4>&, EndReason, const Snapshot&,
                  CoreContext&) noexcept;
template void cut(Packet<Family::kIpv6>&, FlowEntry<Family::kIpv6>&, EndReason, const Snapshot&,
                  CoreContext&) noexcept;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Resets and ICMP errors, written over the packet that they answer.
#include "dataplane/pipeline/reject.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/pipeline/reset.h"

namespace sluice::dataplane {

namespace {

// Keeps the first `size` bytes of the frame, which lie in its first segment.
void cut_after(rte_mbuf* mbuf, size_t size) noexcept {
  rte_pktmbuf_free(mbuf->next);
  mbuf->next = nullptr;
  mbuf->nb_segs = 1;
  mbuf->data_len = static_cast<uint16_t>(size);
  mbuf->pkt_len = static_cast<uint32_t>(size);
}

void swap_macs(uint8_t* frame) noexcept {
  std::swap_ranges(frame, frame + ethernet::kAddressBytes, frame + ethernet::kSource);
}

// How much sequence space the segment takes: payload, SYN and FIN.
template <Family F>
uint32_t segment_length(const Packet<F>& packet, const uint8_t* segment) noexcept {
  const uint32_t header_bytes = uint32_t{segment[tcp::kDataOffset]} / 16 * 4;
  const uint32_t payload = uint32_t{packet.ip_bytes()} - packet.l4_offset - header_bytes;
  const bool syn = (packet.tcp_flags & kTcpSyn) != 0;
  const bool fin = (packet.tcp_flags & kTcpFin) != 0;
  return payload + (syn ? 1 : 0) + (fin ? 1 : 0);
}

template <Family F>
void make_reset(Packet<F>& packet) noexcept {
  const uint8_t* const segment = packet.ip() + packet.l4_offset;
  const bool has_ack = (packet.tcp_flags & kTcpAck) != 0;
  const uint32_t sequence = has_ack ? load_be32(segment + tcp::kAcknowledgment) : 0;
  const uint32_t acknowledgment =
      has_ack ? 0 : load_be32(segment + tcp::kSequence) + segment_length(packet, segment);

  // Not more than the headers that it answers, which parse found in the first segment.
  cut_after(packet.mbuf, packet.l2_bytes + kIpHeaderBytes<F> + tcp::kHeaderBytes);
  write_reset<F>(packet.ip(), back(packet.key), {sequence, acknowledgment, !has_ack});
  swap_macs(packet.frame());
}

// As much of the offending packet as the smallest path takes: RFC 1812 section 4.3.2.3, RFC 4443
// section 2.4 (c). What lies in further segments is not quoted.
template <Family F>
constexpr size_t kIcmpPacketBytesMax = F == Family::kIpv4 ? 576 : 1280;

template <Family F>
void write_icmp(uint8_t* message, size_t size, const FlowKey<F>& key) noexcept {
  constexpr uint8_t kUnreachable4 = 3, kProhibited4 = 13, kUnreachable6 = 1, kProhibited6 = 1;
  constexpr bool kIsV4 = F == Family::kIpv4;
  std::memset(message, 0, icmp::kHeaderBytes);
  message[icmp::kType] = kIsV4 ? kUnreachable4 : kUnreachable6;
  message[icmp::kCode] = kIsV4 ? kProhibited4 : kProhibited6;
  const uint64_t pseudo =
      kIsV4 ? 0 : pseudo_header_sum<F>(key.destination(), key.source(), kProtocolIcmpv6, size);
  store_be16(message + icmp::kChecksum, checksum_finish(checksum_add(pseudo, message, size)));
}

template <Family F>
bool make_prohibited(Packet<F>& packet) noexcept {
  constexpr size_t kAddedBytes = kIpHeaderBytes<F> + icmp::kHeaderBytes;
  const size_t in_one_piece = size_t{packet.mbuf->data_len} - packet.l2_bytes;
  const size_t quoted = std::min<size_t>(in_one_piece, kIcmpPacketBytesMax<F> - kAddedBytes);
  cut_after(packet.mbuf, packet.l2_bytes + quoted);
  auto* const frame = reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(packet.mbuf, kAddedBytes));
  if (frame == nullptr) return false;

  std::memmove(frame, frame + kAddedBytes, packet.l2_bytes);
  uint8_t* const ip = frame + packet.l2_bytes;
  write_ip<F>(ip, back(packet.key), F == Family::kIpv4 ? kProtocolIcmp : kProtocolIcmpv6,
              icmp::kHeaderBytes + quoted);
  write_icmp<F>(ip + kIpHeaderBytes<F>, icmp::kHeaderBytes + quoted, packet.key);
  swap_macs(frame);
  return true;
}

template <Family F>
bool make_reply(Packet<F>& packet, RejectKind kind) noexcept {
  const bool by_reset = kind == RejectKind::kReset && packet.key.protocol() == kProtocolTcp;
  if (!by_reset) return make_prohibited(packet);
  make_reset(packet);
  return true;
}

template <Family F>
bool is_due(const Packet<F>& packet, RejectKind kind) noexcept {
  const bool is_reset = packet.key.protocol() == kProtocolTcp && (packet.tcp_flags & kTcpRst) != 0;
  return kind != RejectKind::kDrop && !is_reset;
}

}  // namespace

template <Family F>
void answer(Packet<F>& packet, RejectKind kind, DropReason reason, CoreContext& core) noexcept {
  if (!is_due(packet, kind)) return core.drop(packet.mbuf, reason);
  const auto ingress = static_cast<uint8_t>(packet.mbuf->port);  // below kPortsMax
  if (!make_reply(packet, kind)) return core.drop(packet.mbuf, DropReason::kNoBuffer);
  packet.account.kind = Account::Kind::kReply;
  core.send(ingress, packet.mbuf, packet.account);
}

template <Family F>
void reject(Packet<F>& packet, RejectKind kind, DropReason reason, CoreContext& core) noexcept {
  if (!is_due(packet, kind)) return core.drop(packet.mbuf, reason);
  if (!core.replies.take(core.now_ns)) return core.drop(packet.mbuf, DropReason::kRejectLimited);
  answer(packet, kind, reason, core);
}

template void answer(Packet<Family::kIpv4>&, RejectKind, DropReason, CoreContext&) noexcept;
template void answer(Packet<Family::kIpv6>&, RejectKind, DropReason, CoreContext&) noexcept;
template void reject(Packet<Family::kIpv4>&, RejectKind, DropReason, CoreContext&) noexcept;
template void reject(Packet<Family::kIpv6>&, RejectKind, DropReason, CoreContext&) noexcept;

}  // namespace sluice::dataplane

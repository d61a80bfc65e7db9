// SPDX-License-Identifier: Apache-2.0
//
// Parsing: the short way for what nearly all packets are, else the long one.
#include "dataplane/pipeline/parse.h"

#include <algorithm>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/net/byte_order.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"
#include "dataplane/pipeline/parse_headers.h"

namespace sluice::dataplane {

namespace {

// How far ahead headers are fetched, with the room in front of them that a tunnel will take. The
// mbufs themselves need none: a port has just written them, and their loads overlap.
// Source: bench, pipeline/known_ipv4_ipip.
constexpr size_t kHeaderDistance = 6;

// The TCP flags of a header that check_tcp or check_udp would mind nothing of; 0 for UDP.
// Shape: the 20 bytes of a TCP header can be read; `length` of them or more are the segment's, or
// less: even less than none.  Errors: kNotPlain.
constexpr uint32_t kNotPlain = 0x100;
[[gnu::always_inline]] inline uint32_t plain_tcp_flags(const uint8_t* l4, uint8_t protocol,
                                                       int32_t length) noexcept {
  const auto ports = load<uint32_t>(l4);
  if ((ports & 0xffff) == 0 || ports >> 16 == 0) return kNotPlain;
  if (protocol == kProtocolTcp) [[likely]] {
    constexpr int32_t kHeaderBytesMin = tcp::kHeaderBytes;
    const int32_t header_bytes = (l4[tcp::kDataOffset] & 0xf0) >> 2;
    const uint8_t flags = l4[tcp::kFlags];
    const bool is_plain =
        header_bytes >= kHeaderBytesMin && header_bytes <= length && are_flags_possible(flags);
    return is_plain ? flags : kNotPlain;
  }
  constexpr int32_t kHeaderBytesMin = udp::kHeaderBytes;
  const int32_t stated = load_be16(l4 + udp::kLength);
  const bool is_plain = protocol == kProtocolUdp && stated >= kHeaderBytesMin && stated <= length;
  return is_plain ? 0 : kNotPlain;
}

// So much of a packet must be there to be read the short way: the headers of TCP.
template <Family F>
constexpr size_t kPlainBytesMin =
    (F == Family::kIpv4 ? ipv4::kHeaderBytes : ipv6::kHeaderBytes) + tcp::kHeaderBytes;

// Version 4, five words, and no fragment: what the first eight bytes of a plain header have under
// this mask, as they lie.
constexpr uint64_t kPlainIpv4Mask = 0xff | uint64_t{Be16::from_host(ipv4::kFragmentBits).raw}
                                               << (8 * ipv4::kFragment);
constexpr uint64_t kPlainIpv4 = 0x45;

// Shape: a packet of `size` bytes in one piece, right behind an Ethernet header.
// False: it is not so plain, or not right; nothing is decided.
[[gnu::always_inline]] inline bool parse_plain(const uint8_t* ip, size_t size,
                                               Packet<Family::kIpv4>& packet) noexcept {
  if (size < kPlainBytesMin<Family::kIpv4> || (load<uint64_t>(ip) & kPlainIpv4Mask) != kPlainIpv4)
    return false;
  const uint16_t total = load_be16(ip + ipv4::kTotalLength);
  if (total > size || ip[ipv4::kTtl] <= 1 || !is_plain_ipv4_header_intact(ip)) return false;

  const uint8_t* const words = ip + ipv4::kHeaderBytes;
  const uint8_t protocol = ip[ipv4::kProtocol];
  constexpr int32_t kHeaderBytes = ipv4::kHeaderBytes;
  const uint32_t flags = plain_tcp_flags(words, protocol, total - kHeaderBytes);
  if (flags == kNotPlain) return false;
  packet.key.words[0] = load<uint64_t>(ip + ipv4::kSource);
  packet.key.words[1] = load<uint32_t>(words) | uint64_t{protocol} << 32;
  packet.account.bytes = total;
  packet.tcp_flags = static_cast<uint8_t>(flags);
  packet.l4_offset = ipv4::kHeaderBytes;
  packet.l2_bytes = ethernet::kHeaderBytes;
  packet.kind = PacketKind::kFlow;
  return true;
}

[[gnu::always_inline]] inline bool parse_plain(const uint8_t* ip, size_t size,
                                               Packet<Family::kIpv6>& packet) noexcept {
  if (size < kPlainBytesMin<Family::kIpv6> || ip[ipv6::kVersionClassLabel] >> 4 != 6) return false;
  const size_t payload = load_be16(ip + ipv6::kPayloadLength);
  const size_t total = ipv6::kHeaderBytes + payload;
  if (total > size || ip[ipv6::kHopLimit] <= 1) return false;

  const uint8_t* const words = ip + ipv6::kHeaderBytes;
  const uint8_t protocol = ip[ipv6::kNextHeader];
  const uint32_t flags = plain_tcp_flags(words, protocol, static_cast<int32_t>(payload));
  if (flags == kNotPlain) return false;
  const uint8_t* const addresses = ip + ipv6::kSource;
  packet.key.words = {load<uint64_t>(addresses), load<uint64_t>(addresses + 8),
                      load<uint64_t>(addresses + 16), load<uint64_t>(addresses + 24),
                      load<uint32_t>(words) | uint64_t{protocol} << 32};
  packet.account.bytes = static_cast<uint16_t>(total);
  packet.tcp_flags = static_cast<uint8_t>(flags);
  packet.l4_offset = ipv6::kHeaderBytes;
  packet.l2_bytes = ethernet::kHeaderBytes;
  packet.kind = PacketKind::kFlow;
  return true;
}

// What is not plain, or not right.
template <Family F>
[[gnu::noinline]] void parse_slowly(rte_mbuf* mbuf, uint8_t l2_bytes, Burst<F>& burst,
                                    CoreContext& core) noexcept {
  Packet<F>& packet = burst.next(mbuf);
  packet.l2_bytes = l2_bytes;
  const DropReason problem = parse_headers(packet);
  if (problem != DropReason::kCount) return core.drop(mbuf, problem);
  burst.keep();
}

// Tags, chains, and what is neither IPv4 nor IPv6.
[[gnu::noinline]] void parse_frame_slowly(rte_mbuf* mbuf, CoreContext& core) noexcept {
  if (!headers_contiguous(mbuf)) return core.drop(mbuf, DropReason::kNoBuffer);
  if (mbuf->data_len < ethernet::kHeaderBytes) return core.drop(mbuf, DropReason::kTruncated);
  const uint8_t* const frame = bytes_of(mbuf);
  uint8_t l2_bytes = ethernet::kHeaderBytes;
  uint16_t type = load_be16(frame + ethernet::kType);
  if (type == ethernet::kTypeVlan || type == ethernet::kTypeServiceVlan) {
    l2_bytes += ethernet::kVlanTagBytes;
    if (mbuf->data_len < l2_bytes) return core.drop(mbuf, DropReason::kTruncated);
    type = load_be16(frame + l2_bytes - sizeof type);
  }
  if (type == ethernet::kTypeIpv4) return parse_slowly(mbuf, l2_bytes, core.burst_v4, core);
  if (type == ethernet::kTypeIpv6) return parse_slowly(mbuf, l2_bytes, core.burst_v6, core);
  core.drop(mbuf, DropReason::kNotForService);
}

// Shape: a frame in one piece without tags, to this node alone.
template <Family F>
[[gnu::always_inline]] inline void parse_untagged(rte_mbuf* mbuf, const uint8_t* frame,
                                                  Burst<F>& burst, CoreContext& core) noexcept {
  Packet<F>& packet = burst.next(mbuf);
  const size_t size = size_t{mbuf->data_len} - ethernet::kHeaderBytes;
  if (!parse_plain(frame + ethernet::kHeaderBytes, size, packet)) [[unlikely]]
    return parse_slowly(mbuf, ethernet::kHeaderBytes, burst, core);
  // What the link added behind the packet goes, so that a tunnel carries nothing else.
  const auto frame_bytes = static_cast<uint16_t>(ethernet::kHeaderBytes + packet.ip_bytes());
  mbuf->data_len = frame_bytes;
  mbuf->pkt_len = frame_bytes;
  burst.keep();
}

[[gnu::always_inline]] inline void parse_frame(rte_mbuf* mbuf, CoreContext& core) noexcept {
  const uint8_t* const frame = bytes_of(mbuf);
  constexpr size_t kBytesMin = ethernet::kHeaderBytes + kPlainBytesMin<Family::kIpv4>;
  if (mbuf->nb_segs != 1 || mbuf->data_len < kBytesMin || !is_unicast(frame)) [[unlikely]]
    return parse_frame_slowly(mbuf, core);
  const auto type = load<uint16_t>(frame + ethernet::kType);
  if (type == Be16::from_host(ethernet::kTypeIpv4).raw)
    return parse_untagged(mbuf, frame, core.burst_v4, core);
  if (type == Be16::from_host(ethernet::kTypeIpv6).raw)
    return parse_untagged(mbuf, frame, core.burst_v6, core);
  parse_frame_slowly(mbuf, core);
}

void prefetch_header(rte_mbuf* mbuf) noexcept {
  const uint8_t* const frame = bytes_of(mbuf);
  __builtin_prefetch(frame, 1);
  __builtin_prefetch(frame - BackendLine::kOuterBytesMax, 1);
}

}  // namespace

void parse(std::span<rte_mbuf* const> mbufs, CoreContext& core) noexcept {
  const size_t count = mbufs.size();
  for (size_t i = 0; i < std::min(count, kHeaderDistance); ++i)
    prefetch_header(mbufs[i]);
  for (size_t i = 0; i < count; ++i) {
    prefetch_header(mbufs[std::min(i + kHeaderDistance, count - 1)]);
    parse_frame(mbufs[i], core);
  }
}

}  // namespace sluice::dataplane

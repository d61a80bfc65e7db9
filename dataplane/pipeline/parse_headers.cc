// SPDX-License-Identifier: Apache-2.0
//
// The long way through headers: nothing later reads a header field that was not checked here.
#include "dataplane/pipeline/parse_headers.h"

#include <algorithm>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace sluice::dataplane {

namespace {

// More extension headers than any host sends.
constexpr int kExtensionsMax = 8;

// The headers found so far. `problem` kCount means none.
struct Layout {
  DropReason problem = DropReason::kCount;
  PacketKind kind = PacketKind::kUnsupported;
  uint8_t protocol = 0;
  uint16_t ip_bytes = 0;
  uint16_t l4_offset = 0;
};

constexpr Layout failed(DropReason reason) noexcept {
  return {.problem = reason};
}

constexpr bool has_ports(uint8_t protocol) noexcept {
  return protocol == kProtocolTcp || protocol == kProtocolUdp;
}

// Shape: `ip` has `size` readable bytes, of a packet that has `available`; likewise for IPv6.
Layout read_ipv4(const uint8_t* ip, size_t size, size_t available) noexcept {
  if (size < ipv4::kHeaderBytes) return failed(DropReason::kTruncated);
  const size_t header_bytes = size_t{ip[ipv4::kVersionIhl]} % 16 * 4;
  const uint16_t total = load_be16(ip + ipv4::kTotalLength);
  if (ip[ipv4::kVersionIhl] >> 4 != 4 || header_bytes < ipv4::kHeaderBytes ||
      total < header_bytes) {
    return failed(DropReason::kMalformed);
  }
  if (total > available || header_bytes > size) return failed(DropReason::kTruncated);
  if (checksum(ip, header_bytes) != 0) return failed(DropReason::kBadChecksum);

  Layout layout{.protocol = ip[ipv4::kProtocol],
                .ip_bytes = total,
                .l4_offset = static_cast<uint16_t>(header_bytes)};
  if ((load_be16(ip + ipv4::kFragment) & ipv4::kFragmentBits) != 0) {
    layout.kind = PacketKind::kFragment;
  } else if (has_ports(layout.protocol)) {
    layout.kind = PacketKind::kFlow;
  }
  return layout;
}

// Steps over the extension header at `layout.l4_offset`; its bytes are known to be there up to
// `end`. Source: RFC 8200 section 4, RFC 6946 (atomic fragments), RFC 5095 (routing type 0).
bool skip_extension(const uint8_t* ip, size_t end, Layout& layout) noexcept {
  constexpr size_t kExtensionBytesMin = 8;
  if (layout.l4_offset + kExtensionBytesMin > end) {
    layout.problem = DropReason::kTruncated;
    return false;
  }
  const uint8_t* const extension = ip + layout.l4_offset;
  size_t bytes = 8 + size_t{extension[1]} * 8;
  if (layout.protocol == ipv6::kFragment) {
    constexpr uint16_t kOffsetAndMore = 0xfff9;
    bytes = kExtensionBytesMin;
    if ((load_be16(extension + 2) & kOffsetAndMore) != 0) layout.kind = PacketKind::kFragment;
  }
  // With segments left the packet's destination is not the one that it is on its way to.
  const bool is_detour = layout.protocol == ipv6::kRouting && extension[3] != 0;
  if (layout.kind == PacketKind::kFragment || is_detour) return false;
  if (layout.l4_offset + bytes > end) {
    layout.problem = DropReason::kTruncated;
    return false;
  }
  layout.protocol = extension[0];
  layout.l4_offset = static_cast<uint16_t>(layout.l4_offset + bytes);
  return true;
}

constexpr bool is_extension(uint8_t next_header) noexcept {
  return next_header == ipv6::kHopByHop || next_header == ipv6::kRouting ||
         next_header == ipv6::kFragment || next_header == ipv6::kDestinationOptions;
}

Layout read_ipv6(const uint8_t* ip, size_t size, size_t available) noexcept {
  if (size < ipv6::kHeaderBytes) return failed(DropReason::kTruncated);
  const size_t total = ipv6::kHeaderBytes + load_be16(ip + ipv6::kPayloadLength);
  if (ip[ipv6::kVersionClassLabel] >> 4 != 6) return failed(DropReason::kMalformed);
  if (total > available) return failed(DropReason::kTruncated);
  if (total > UINT16_MAX) return failed(DropReason::kMalformed);

  Layout layout{.protocol = ip[ipv6::kNextHeader],
                .ip_bytes = static_cast<uint16_t>(total),
                .l4_offset = ipv6::kHeaderBytes};
  const size_t end = std::min(total, size);
  for (int extensions = 0; is_extension(layout.protocol); ++extensions) {
    const bool misplaced = layout.protocol == ipv6::kHopByHop && extensions > 0;
    if (misplaced || extensions == kExtensionsMax) return failed(DropReason::kMalformed);
    if (!skip_extension(ip, end, layout)) return layout;
  }
  if (has_ports(layout.protocol)) layout.kind = PacketKind::kFlow;
  return layout;
}

// Shape: `size` readable bytes of a segment of `length`; likewise for UDP.
DropReason check_tcp(const uint8_t* l4, size_t size, size_t length) noexcept {
  if (length < tcp::kHeaderBytes || size < tcp::kHeaderBytes) return DropReason::kTruncated;
  const size_t header_bytes = size_t{l4[tcp::kDataOffset]} / 16 * 4;
  if (header_bytes < tcp::kHeaderBytes) return DropReason::kMalformed;
  if (header_bytes > length) return DropReason::kTruncated;
  const bool has_both_ports =
      load_be16(l4 + tcp::kSourcePort) != 0 && load_be16(l4 + tcp::kDestinationPort) != 0;
  return has_both_ports && are_flags_possible(l4[tcp::kFlags]) ? DropReason::kCount
                                                               : DropReason::kMalformed;
}

// A source port of 0 is legal: no reply is wanted (RFC 768).
DropReason check_udp(const uint8_t* l4, size_t size, size_t length) noexcept {
  if (length < udp::kHeaderBytes || size < udp::kHeaderBytes) return DropReason::kTruncated;
  const uint16_t stated = load_be16(l4 + udp::kLength);
  if (stated < udp::kHeaderBytes || load_be16(l4 + udp::kDestinationPort) == 0)
    return DropReason::kMalformed;
  return stated > length ? DropReason::kTruncated : DropReason::kCount;
}

// Fills the packet's key from checked headers.
template <Family F>
DropReason read_flow(const uint8_t* ip, size_t size, const Layout& layout,
                     Packet<F>& packet) noexcept {
  constexpr size_t kSource = F == Family::kIpv4 ? ipv4::kSource : ipv6::kSource;
  constexpr size_t kDestination = F == Family::kIpv4 ? ipv4::kDestination : ipv6::kDestination;
  Be16 source_port;
  Be16 destination_port;
  if (layout.kind == PacketKind::kFlow) {
    const uint8_t* const l4 = ip + layout.l4_offset;
    const size_t l4_size = size - std::min<size_t>(layout.l4_offset, size);
    const size_t length = size_t{layout.ip_bytes} - layout.l4_offset;
    const bool is_tcp = layout.protocol == kProtocolTcp;
    const DropReason problem =
        is_tcp ? check_tcp(l4, l4_size, length) : check_udp(l4, l4_size, length);
    if (problem != DropReason::kCount) return problem;
    std::memcpy(&source_port.raw, l4, sizeof source_port.raw);
    std::memcpy(&destination_port.raw, l4 + sizeof source_port.raw, sizeof destination_port.raw);
    packet.tcp_flags = is_tcp ? l4[tcp::kFlags] : uint8_t{0};
  }
  packet.key = FlowKey<F>::make(ip + kSource, ip + kDestination, source_port, destination_port,
                                layout.protocol);
  packet.kind = layout.kind;
  const uint8_t hop_limit = ip[F == Family::kIpv4 ? ipv4::kTtl : ipv6::kHopLimit];
  if (layout.kind == PacketKind::kFlow && !is_unicast(packet.frame())) {
    packet.kind = PacketKind::kGroupFlow;
  } else if (layout.kind == PacketKind::kFlow && hop_limit <= 1) {
    packet.kind = PacketKind::kExpiringFlow;
  }
  packet.account.bytes = layout.ip_bytes;
  packet.l4_offset = layout.l4_offset;
  return DropReason::kCount;
}

// Cuts the link's padding off, so that a tunnel carries the packet and nothing else.
bool trim(rte_mbuf* mbuf, size_t frame_bytes) noexcept {
  const size_t surplus = mbuf->pkt_len - frame_bytes;
  return surplus == 0 || rte_pktmbuf_trim(mbuf, static_cast<uint16_t>(surplus)) == 0;
}

}  // namespace

template <Family F>
DropReason parse_headers(Packet<F>& packet) noexcept {
  const uint8_t* const ip = packet.ip();
  const size_t size = size_t{packet.mbuf->data_len} - packet.l2_bytes;
  const size_t available = size_t{packet.mbuf->pkt_len} - packet.l2_bytes;
  const Layout layout =
      F == Family::kIpv4 ? read_ipv4(ip, size, available) : read_ipv6(ip, size, available);
  if (layout.problem != DropReason::kCount) return layout.problem;
  const DropReason problem = read_flow<F>(ip, size, layout, packet);
  if (problem != DropReason::kCount) return problem;
  return trim(packet.mbuf, size_t{packet.l2_bytes} + layout.ip_bytes) ? DropReason::kCount
                                                                      : DropReason::kMalformed;
}

template DropReason parse_headers(Packet<Family::kIpv4>&) noexcept;
template DropReason parse_headers(Packet<Family::kIpv6>&) noexcept;

}  // namespace sluice::dataplane

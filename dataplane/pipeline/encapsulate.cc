// SPDX-License-Identifier: Apache-2.0
//
// Encapsulation, by inner and outer family.
#include "dataplane/pipeline/encapsulate.h"

#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace sluice::dataplane {

namespace {

constexpr uint8_t kOuterTtl = 64;

// The inner DSCP, and the inner ECN as the normal mode of RFC 6040 section 4.1 copies it.
template <Family F>
uint8_t traffic_class(const uint8_t* ip) noexcept {
  if constexpr (F == Family::kIpv4) {
    return ip[ipv4::kTos];
  } else {
    return static_cast<uint8_t>(load_be16(ip) >> 4);
  }
}

template <Family F>
constexpr uint8_t inner_protocol() noexcept {
  return F == Family::kIpv4 ? kProtocolIpv4 : kProtocolIpv6;
}

// DF is set, so the id may stay 0 (RFC 6864 section 4.1).
void write_outer_ipv4(uint8_t* outer, const BackendLine& line, uint8_t tos, uint8_t protocol,
                      uint16_t inner_bytes) noexcept {
  constexpr uint8_t kVersion4FiveWords = 0x45;
  outer[ipv4::kVersionIhl] = kVersion4FiveWords;
  outer[ipv4::kTos] = tos;
  store_be16(outer + ipv4::kTotalLength, static_cast<uint16_t>(ipv4::kHeaderBytes + inner_bytes));
  store_be16(outer + ipv4::kId, 0);
  store_be16(outer + ipv4::kFragment, ipv4::kDontFragment);
  outer[ipv4::kTtl] = kOuterTtl;
  outer[ipv4::kProtocol] = protocol;
  store_be16(outer + ipv4::kChecksum, 0);
  std::memcpy(outer + ipv4::kSource, line.outer_source.data(), 4);
  std::memcpy(outer + ipv4::kDestination, line.outer_destination.data(), 4);
  store_be16(outer + ipv4::kChecksum, checksum(outer, ipv4::kHeaderBytes));
}

void write_outer_ipv6(uint8_t* outer, const BackendLine& line, uint8_t tos, uint8_t protocol,
                      uint16_t inner_bytes) noexcept {
  store_be32(outer + ipv6::kVersionClassLabel, 6u << 28 | uint32_t{tos} << 20);
  store_be16(outer + ipv6::kPayloadLength, inner_bytes);
  outer[ipv6::kNextHeader] = protocol;
  outer[ipv6::kHopLimit] = kOuterTtl;
  std::memcpy(outer + ipv6::kSource, line.outer_source.data(), 16);
  std::memcpy(outer + ipv6::kDestination, line.outer_destination.data(), 16);
}

constexpr uint16_t outer_bytes(const BackendLine& line) noexcept {
  if (line.forwarding == ForwardingKind::kL2) return 0;
  return line.outer_family == Family::kIpv4 ? ipv4::kHeaderBytes : ipv6::kHeaderBytes;
}

void write_macs(uint8_t* frame, const BackendLine& line) noexcept {
  std::memcpy(frame + ethernet::kDestination, line.destination_mac.data(), ethernet::kAddressBytes);
  std::memcpy(frame + ethernet::kSource, line.source_mac.data(), ethernet::kAddressBytes);
}

// A tunnel of ours that comes back here would go round for ever.
template <Family F>
bool is_own_tunnel(const Packet<F>& packet, const BackendLine& line) noexcept {
  return line.outer_family == F &&
         std::memcmp(packet.key.source(), line.outer_source.data(), FlowKey<F>::kAddressBytes) == 0;
}

template <Family F>
void write_tunnel(uint8_t* frame, const Packet<F>& packet, uint16_t added_bytes) noexcept {
  const BackendLine& line = *packet.line;
  const bool is_outer_ipv4 = line.outer_family == Family::kIpv4;
  // The tag, if any, and the type go in front of the outer header; the MAC addresses follow.
  std::memmove(frame, frame + added_bytes, packet.l2_bytes);
  store_be16(frame + packet.l2_bytes - sizeof(uint16_t),
             is_outer_ipv4 ? ethernet::kTypeIpv4 : ethernet::kTypeIpv6);
  uint8_t* const outer = frame + packet.l2_bytes;
  const uint8_t tos = traffic_class<F>(outer + added_bytes);
  if (is_outer_ipv4) {
    write_outer_ipv4(outer, line, tos, inner_protocol<F>(), packet.ip_bytes);
  } else {
    write_outer_ipv6(outer, line, tos, inner_protocol<F>(), packet.ip_bytes);
  }
}

template <Family F>
DropReason encapsulate_one(const Packet<F>& packet) noexcept {
  const BackendLine& line = *packet.line;
  if (!line.neighbor_resolved) return DropReason::kNoNeighbor;
  if (is_own_tunnel(packet, line)) return DropReason::kBadAddress;
  const uint16_t added_bytes = outer_bytes(line);
  if (uint32_t{packet.ip_bytes} + added_bytes > line.mtu) return DropReason::kTooBig;

  uint8_t* frame = packet.frame();
  if (added_bytes != 0) {
    frame = reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(packet.mbuf, added_bytes));
    if (frame == nullptr) return DropReason::kNoBuffer;
    write_tunnel(frame, packet, added_bytes);
  }
  write_macs(frame, line);
  return DropReason::kCount;
}

}  // namespace

template <Family F>
void encapsulate(Burst<F>& burst, CoreContext& core) noexcept {
  burst.filter([&](Packet<F>& packet) {
    const DropReason problem = encapsulate_one(packet);
    if (problem != DropReason::kCount) [[unlikely]] {
      core.drop(packet.mbuf, problem);
    } else {
      core.send(packet.line->port, packet.mbuf, packet.account);
    }
    return false;
  });
}

template void encapsulate(Burst<Family::kIpv4>&, CoreContext&) noexcept;
template void encapsulate(Burst<Family::kIpv6>&, CoreContext&) noexcept;

}  // namespace sluice::dataplane

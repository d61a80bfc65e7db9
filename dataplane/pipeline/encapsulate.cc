// SPDX-License-Identifier: Apache-2.0
//
// Encapsulation: the backend's headers in front of the packet.
#include "dataplane/pipeline/encapsulate.h"

#include <cstring>

#include "dataplane/net/headers.h"
#include "dataplane/net/outer_header.h"

namespace sluice::dataplane {

namespace {

// With the inner DSCP, and the inner ECN as the normal mode of RFC 6040 section 4.1 copies it.
template <Family F>
InnerPacket inner_of(const Packet<F>& packet, const uint8_t* ip) noexcept {
  if constexpr (F == Family::kIpv4) {
    return {packet.ip_bytes(), ip[ipv4::kTos], kProtocolIpv4};
  } else {
    return {packet.ip_bytes(), static_cast<uint8_t>(load_be16(ip) >> 4), kProtocolIpv6};
  }
}

// Makes room for the outer header between the packet and what the link put in front of it: the MAC
// addresses, which are about to be written, and any tags.  Errors: nullptr, no headroom.
uint8_t* prepend(rte_mbuf* mbuf, uint8_t outer_bytes, uint8_t l2_bytes) noexcept {
  if (mbuf->data_off < outer_bytes) [[unlikely]]
    return nullptr;
  mbuf->data_off = static_cast<uint16_t>(mbuf->data_off - outer_bytes);
  mbuf->data_len = static_cast<uint16_t>(mbuf->data_len + outer_bytes);
  mbuf->pkt_len += outer_bytes;
  uint8_t* const frame = bytes_of(mbuf);
  if (l2_bytes != ethernet::kHeaderBytes) [[unlikely]] {
    std::memmove(frame + ethernet::kType, frame + ethernet::kType + outer_bytes,
                 l2_bytes - ethernet::kType);
  }
  return frame;
}

// The Ethernet header of the line, but behind a tag, if there is one, its type.
void write_ethernet(uint8_t* frame, uint8_t l2_bytes, const BackendLine& line) noexcept {
  if (l2_bytes == ethernet::kHeaderBytes) [[likely]] {
    std::memcpy(frame, line.ethernet.data(), ethernet::kHeaderBytes);
    return;
  }
  std::memcpy(frame, line.ethernet.data(), ethernet::kType);
  std::memcpy(frame + l2_bytes - sizeof(uint16_t), line.ethernet.data() + ethernet::kType,
              sizeof(uint16_t));
}

template <Family F>
DropReason send_by_tunnel(const Packet<F>& packet, const BackendLine& line) noexcept {
  const uint8_t l2_bytes = packet.l2_bytes;
  const uint8_t outer_bytes = line.outer_bytes;
  const InnerPacket inner = inner_of(packet, packet.ip());
  uint8_t* const frame = prepend(packet.mbuf, outer_bytes, l2_bytes);
  if (frame == nullptr) [[unlikely]]
    return DropReason::kNoBuffer;
  write_ethernet(frame, l2_bytes, line);
  if (outer_bytes == ipv4::kHeaderBytes) {
    write_outer_ipv4(frame + l2_bytes, line.outer_addresses.data(), line.outer_sum, inner);
  } else {
    write_outer_ipv6(frame + l2_bytes, line.outer_addresses.data(), inner);
  }
  return DropReason::kCount;
}

template <Family F>
DropReason encapsulate_one(const Packet<F>& packet, const BackendLine& line) noexcept {
  if (packet.ip_bytes() > line.inner_bytes_max) [[unlikely]]
    return line.neighbor_resolved ? DropReason::kTooBig : DropReason::kNoNeighbor;
  if (line.outer_bytes != 0) return send_by_tunnel(packet, line);
  std::memcpy(packet.frame(), line.ethernet.data(), ethernet::kType);
  return DropReason::kCount;
}

}  // namespace

template <Family F>
void encapsulate(Burst<F>& burst, CoreContext& core) noexcept {
  for (Packet<F>* const packet : burst.survivors()) {
    const BackendLine& line = *packet->line;
    const DropReason problem = encapsulate_one(*packet, line);
    if (problem != DropReason::kCount) [[unlikely]] {
      core.drop(packet->mbuf, problem);
    } else {
      core.send(line.port, packet->mbuf, packet->account);
    }
  }
}

template void encapsulate(Burst<Family::kIpv4>&, CoreContext&) noexcept;
template void encapsulate(Burst<Family::kIpv6>&, CoreContext&) noexcept;

}  // namespace sluice::dataplane

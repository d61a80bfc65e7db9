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

// Makes room in front of the frame.  False: there is none.
[[gnu::always_inline]] inline bool prepend(rte_mbuf* mbuf, uint16_t bytes) noexcept {
  if (mbuf->data_off < bytes) [[unlikely]]
    return false;
  mbuf->data_off = static_cast<uint16_t>(mbuf->data_off - bytes);
  mbuf->data_len = static_cast<uint16_t>(mbuf->data_len + bytes);
  mbuf->pkt_len += bytes;
  return true;
}

// Moves tags to the front, between the line's MAC addresses and its type.
[[gnu::noinline]] void write_tagged_ethernet(uint8_t* frame, size_t outer_bytes, uint8_t l2_bytes,
                                             const BackendLine& line) noexcept {
  std::memmove(frame + ethernet::kType, frame + ethernet::kType + outer_bytes,
               l2_bytes - ethernet::kHeaderBytes);
  std::memcpy(frame, line.ethernet.data(), ethernet::kType);
  std::memcpy(frame + l2_bytes - sizeof(uint16_t), line.ethernet.data() + ethernet::kType,
              sizeof(uint16_t));
}

template <Family Outer, Family F>
[[gnu::always_inline]] inline DropReason send_by_tunnel(const Packet<F>& packet,
                                                        const BackendLine& line) noexcept {
  constexpr uint16_t kOuterBytes = Outer == Family::kIpv4 ? ipv4::kHeaderBytes : ipv6::kHeaderBytes;
  const InnerPacket inner = inner_of(packet, packet.ip());
  if (!prepend(packet.mbuf, kOuterBytes)) [[unlikely]]
    return DropReason::kNoBuffer;
  uint8_t* const frame = packet.frame();
  if (packet.l2_bytes == ethernet::kHeaderBytes) [[likely]] {
    std::memcpy(frame, line.ethernet.data(), ethernet::kHeaderBytes);
  } else {
    write_tagged_ethernet(frame, kOuterBytes, packet.l2_bytes, line);
  }
  uint8_t* const outer = frame + packet.l2_bytes;
  if constexpr (Outer == Family::kIpv4) {
    write_outer_ipv4(outer, line.outer_addresses.data(), line.outer_sum, inner);
  } else {
    write_outer_ipv6(outer, line.outer_addresses.data(), inner);
  }
  return DropReason::kCount;
}

template <Family F>
[[gnu::always_inline]] inline DropReason put_headers(const Packet<F>& packet,
                                                     const BackendLine& line) noexcept {
  if (packet.ip_bytes() > line.inner_bytes_max) [[unlikely]]
    return line.neighbor_resolved ? DropReason::kTooBig : DropReason::kNoNeighbor;
  switch (line.outer_bytes) {
    case ipv4::kHeaderBytes:
      return send_by_tunnel<Family::kIpv4>(packet, line);
    case ipv6::kHeaderBytes:
      return send_by_tunnel<Family::kIpv6>(packet, line);
    default:
      break;
  }
  std::memcpy(packet.frame(), line.ethernet.data(), ethernet::kType);
  return DropReason::kCount;
}

}  // namespace

template <Family F>
DropReason encapsulate_one(const Packet<F>& packet, const BackendLine& line) noexcept {
  return put_headers(packet, line);
}

template <Family F>
void encapsulate(Burst<F>& burst, CoreContext& core) noexcept {
  for (Packet<F>* const packet : burst.survivors()) {
    const BackendLine& line = *packet->line;
    const DropReason problem = put_headers(*packet, line);
    if (problem != DropReason::kCount) [[unlikely]] {
      core.drop(packet->mbuf, problem);
    } else {
      core.send(line.port, packet->mbuf, packet->account);
    }
  }
}

template DropReason encapsulate_one(const Packet<Family::kIpv4>&, const BackendLine&) noexcept;
template DropReason encapsulate_one(const Packet<Family::kIpv6>&, const BackendLine&) noexcept;
template void encapsulate(Burst<Family::kIpv4>&, CoreContext&) noexcept;
template void encapsulate(Burst<Family::kIpv6>&, CoreContext&) noexcept;

}  // namespace sluice::dataplane

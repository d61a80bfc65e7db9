// SPDX-License-Identifier: Apache-2.0
//
// Headers of packets that Sluice makes itself: IP, and a TCP reset.
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/net/checksum.h"
#include "dataplane/net/flow_key.h"
#include "dataplane/net/headers.h"

namespace sluice::dataplane {

inline constexpr uint8_t kOwnTtl = 64;

template <Family F>
inline constexpr size_t kIpHeaderBytes =
    F == Family::kIpv4 ? ipv4::kHeaderBytes : ipv6::kHeaderBytes;

// Between which ends a packet goes.  Shape: addresses have the family's bytes in network order.
struct Way {
  const uint8_t* source;
  const uint8_t* destination;
  uint16_t source_port;
  uint16_t destination_port;
};

// As the packets of the flow go, from the client to the service.
template <Family F>
Way forth(const FlowKey<F>& key) noexcept {
  return {key.source(), key.destination(), key.source_port().host(), key.destination_port().host()};
}
template <Family F>
Way back(const FlowKey<F>& key) noexcept {
  return {key.destination(), key.source(), key.destination_port().host(), key.source_port().host()};
}

template <Family F>
void write_ip(uint8_t* ip, const Way& way, uint8_t protocol, size_t payload_bytes) noexcept {
  std::memset(ip, 0, kIpHeaderBytes<F>);
  if constexpr (F == Family::kIpv4) {
    constexpr uint8_t kVersion4FiveWords = 0x45;
    ip[ipv4::kVersionIhl] = kVersion4FiveWords;
    store_be16(ip + ipv4::kTotalLength, static_cast<uint16_t>(ipv4::kHeaderBytes + payload_bytes));
    store_be16(ip + ipv4::kFragment, ipv4::kDontFragment);
    ip[ipv4::kTtl] = kOwnTtl;
    ip[ipv4::kProtocol] = protocol;
    std::memcpy(ip + ipv4::kSource, way.source, 4);
    std::memcpy(ip + ipv4::kDestination, way.destination, 4);
    store_be16(ip + ipv4::kChecksum, checksum(ip, ipv4::kHeaderBytes));
  } else {
    store_be32(ip + ipv6::kVersionClassLabel, 6u << 28);
    store_be16(ip + ipv6::kPayloadLength, static_cast<uint16_t>(payload_bytes));
    ip[ipv6::kNextHeader] = protocol;
    ip[ipv6::kHopLimit] = kOwnTtl;
    std::memcpy(ip + ipv6::kSource, way.source, 16);
    std::memcpy(ip + ipv6::kDestination, way.destination, 16);
  }
}

struct ResetNumbers {
  uint32_t sequence = 0;
  uint32_t acknowledgment = 0;
  bool acknowledges = false;
};

template <Family F>
inline constexpr size_t kResetBytes = kIpHeaderBytes<F> + tcp::kHeaderBytes;

// Writes a whole IP packet of kResetBytes.
template <Family F>
void write_reset(uint8_t* ip, const Way& way, const ResetNumbers& numbers) noexcept {
  uint8_t* const reset = ip + kIpHeaderBytes<F>;
  write_ip<F>(ip, way, kProtocolTcp, tcp::kHeaderBytes);
  std::memset(reset, 0, tcp::kHeaderBytes);
  store_be16(reset + tcp::kSourcePort, way.source_port);
  store_be16(reset + tcp::kDestinationPort, way.destination_port);
  store_be32(reset + tcp::kSequence, numbers.sequence);
  store_be32(reset + tcp::kAcknowledgment, numbers.acknowledgment);
  constexpr uint8_t kFiveWords = 0x50;
  reset[tcp::kDataOffset] = kFiveWords;
  reset[tcp::kFlags] = numbers.acknowledges ? kTcpRst | kTcpAck : kTcpRst;
  const uint64_t pseudo =
      pseudo_header_sum<F>(way.source, way.destination, kProtocolTcp, tcp::kHeaderBytes);
  store_be16(reset + tcp::kChecksum,
             checksum_finish(checksum_add(pseudo, reset, tcp::kHeaderBytes)));
}

}  // namespace sluice::dataplane

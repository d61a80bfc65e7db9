// SPDX-License-Identifier: Apache-2.0
//
// The header that a tunnel puts in front of a packet, made of whole words.
// Source: RFC 2003 (IPv4), RFC 2473 (IPv6).
#pragma once

#include <cstdint>
#include <cstring>

#include "dataplane/net/checksum.h"
#include "dataplane/net/headers.h"

namespace sluice::dataplane {

inline constexpr uint8_t kOuterTtl = 64;
// Source and destination.
inline constexpr size_t kAddressBytesV4 = 8, kAddressBytesV6 = 32;

// What is particular to one packet.
struct InnerPacket {
  uint16_t bytes = 0;
  uint8_t traffic_class = 0;
  uint8_t protocol = 0;  // kProtocolIpv4 or kProtocolIpv6
};

// The sum of the outer header's words that are the same for all packets between two addresses, in
// words as they lie (RFC 1071 section 2: the order of bytes does not matter to the sum).
// Shape: source and destination, 8 bytes.
inline uint16_t outer_ipv4_sum(const uint8_t* addresses) noexcept {
  constexpr uint32_t kVersion4FiveWords = 0x4500;
  const uint64_t fixed = kVersion4FiveWords + ipv4::kDontFragment + (uint32_t{kOuterTtl} << 8);
  const uint16_t sum =
      static_cast<uint16_t>(~checksum_finish(checksum_add(fixed, addresses, kAddressBytesV4)));
  return __builtin_bswap16(sum);
}

// DF is set, so the id may stay 0 (RFC 6864 section 4.1).
// Shape: `sum` is outer_ipv4_sum of the addresses.
inline void write_outer_ipv4(uint8_t* outer, const uint8_t* addresses, uint16_t sum,
                             InnerPacket inner) noexcept {
  constexpr uint64_t kVersion4FiveWords = 0x45;
  constexpr uint64_t kDontFragment = __builtin_bswap16(ipv4::kDontFragment);
  const uint32_t total = __builtin_bswap16(static_cast<uint16_t>(ipv4::kHeaderBytes + inner.bytes));
  const uint32_t traffic_class = uint32_t{inner.traffic_class} << 8;
  const uint32_t protocol = uint32_t{inner.protocol} << 8;
  const uint32_t check = checksum_finish_short(sum + traffic_class + total + protocol);
  const uint64_t first =
      kVersion4FiveWords | traffic_class | uint64_t{total} << 16 | kDontFragment << 48;
  const uint32_t second = kOuterTtl | protocol | check << 16;
  std::memcpy(outer, &first, sizeof first);
  std::memcpy(outer + ipv4::kTtl, &second, sizeof second);
  std::memcpy(outer + ipv4::kSource, addresses, kAddressBytesV4);
}

// Shape: source and destination, 32 bytes.
inline void write_outer_ipv6(uint8_t* outer, const uint8_t* addresses, InnerPacket inner) noexcept {
  const uint64_t first =
      uint64_t{__builtin_bswap32(6u << 28 | uint32_t{inner.traffic_class} << 20)} |
      uint64_t{__builtin_bswap16(inner.bytes)} << 32 | uint64_t{inner.protocol} << 48 |
      uint64_t{kOuterTtl} << 56;
  std::memcpy(outer, &first, sizeof first);
  std::memcpy(outer + ipv6::kSource, addresses, kAddressBytesV6);
}

}  // namespace sluice::dataplane

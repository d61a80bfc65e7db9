// SPDX-License-Identifier: Apache-2.0
//
// The Internet checksum.
// Source: RFC 1071; pseudo headers of RFC 9293 section 3.1 and RFC 8200 section 8.1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/net/headers.h"
#include "dataplane/net/ip_address.h"

namespace sluice::dataplane {

// A sum of 16-bit words that is not yet folded; words are added as big endian numbers.
inline uint64_t checksum_add(uint64_t sum, const uint8_t* bytes, size_t size) noexcept {
  for (; size >= 4; bytes += 4, size -= 4)
    sum += load_be32(bytes);
  if (size >= 2) {
    sum += load_be16(bytes);
    bytes += 2;
    size -= 2;
  }
  return size == 0 ? sum : sum + (uint64_t{bytes[0]} << 8);
}

// The value for the checksum field, host order; 0 when the sum covered a valid checksum.
constexpr uint16_t checksum_finish(uint64_t sum) noexcept {
  sum = (sum >> 32) + (sum & 0xffff'ffff);
  sum = (sum >> 32) + (sum & 0xffff'ffff);
  sum = (sum >> 16) + (sum & 0xffff);
  sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<uint16_t>(~sum);
}

// The same of a sum of less than 2^16 words.
constexpr uint16_t checksum_finish_short(uint32_t sum) noexcept {
  sum = (sum >> 16) + (sum & 0xffff);
  return static_cast<uint16_t>(~(sum + (sum >> 16)));
}

inline uint16_t checksum(const uint8_t* bytes, size_t size) noexcept {
  return checksum_finish(checksum_add(0, bytes, size));
}

// The sum of two ones' complements, as wide as they are: the carry comes back in.
constexpr uint64_t ones_add(uint64_t a, uint64_t b) noexcept {
  const uint64_t sum = a + b;
  return sum + (sum < a ? 1 : 0);
}

// Whether the checksum of an IPv4 header without options is right, as `checksum` of its 20 bytes
// would say. A sum of ones' complements minds neither the order of bytes (RFC 1071 section 2) nor
// that its words are taken by two or four: that leaves the same remainder of 2^16 - 1.
// Shape: not all bytes are zero.
inline bool is_plain_ipv4_header_intact(const uint8_t* header) noexcept {
  uint64_t sum = ones_add(load<uint64_t>(header), load<uint64_t>(header + ipv4::kSource));
  sum = ones_add(sum, load<uint32_t>(header + ipv4::kTtl));
  return sum % 0xffff == 0;
}

// The sum of the pseudo header in front of a TCP, UDP or ICMPv6 message of `size` bytes.
// Shape: `source` and `destination` have 4 or 16 bytes.
template <Family F>
uint64_t pseudo_header_sum(const uint8_t* source, const uint8_t* destination, uint8_t protocol,
                           size_t size) noexcept {
  constexpr size_t kAddressBytes = F == Family::kIpv4 ? 4 : 16;
  const uint64_t addresses =
      checksum_add(checksum_add(0, source, kAddressBytes), destination, kAddressBytes);
  return addresses + protocol + size;
}

}  // namespace sluice::dataplane

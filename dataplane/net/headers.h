// SPDX-License-Identifier: Apache-2.0
//
// Where the fields of packet headers lie, with loads and stores that need no alignment.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice::dataplane {

static_assert(std::endian::native == std::endian::little, "loads and stores swap bytes");

// As it lies.
template <class Unsigned>
inline Unsigned load(const uint8_t* bytes) noexcept {
  Unsigned raw = 0;
  std::memcpy(&raw, bytes, sizeof raw);
  return raw;
}

// In: network order.  Out: host order.
inline uint16_t load_be16(const uint8_t* bytes) noexcept {
  uint16_t raw = 0;
  std::memcpy(&raw, bytes, sizeof raw);
  return __builtin_bswap16(raw);
}
inline uint32_t load_be32(const uint8_t* bytes) noexcept {
  uint32_t raw = 0;
  std::memcpy(&raw, bytes, sizeof raw);
  return __builtin_bswap32(raw);
}
inline void store_be16(uint8_t* bytes, uint16_t host) noexcept {
  const uint16_t raw = __builtin_bswap16(host);
  std::memcpy(bytes, &raw, sizeof raw);
}
inline void store_be32(uint8_t* bytes, uint32_t host) noexcept {
  const uint32_t raw = __builtin_bswap32(host);
  std::memcpy(bytes, &raw, sizeof raw);
}

// Names below are offsets in bytes from the start of the header, unless they end in `Bytes`.
namespace ethernet {
inline constexpr size_t kDestination = 0, kSource = 6, kType = 12, kHeaderBytes = 14;
inline constexpr size_t kAddressBytes = 6, kVlanTagBytes = 4;
inline constexpr uint16_t kTypeIpv4 = 0x0800, kTypeIpv6 = 0x86dd, kTypeVlan = 0x8100,
                          kTypeServiceVlan = 0x88a8;
}  // namespace ethernet

namespace ipv4 {
inline constexpr size_t kVersionIhl = 0, kTos = 1, kTotalLength = 2, kId = 4, kFragment = 6,
                        kTtl = 8;
inline constexpr size_t kProtocol = 9, kChecksum = 10, kSource = 12, kDestination = 16;
inline constexpr size_t kHeaderBytes = 20;  // without options
inline constexpr uint16_t kDontFragment = 0x4000;
inline constexpr uint16_t kFragmentBits = 0x3fff;  // more fragments, and the offset
}  // namespace ipv4

namespace ipv6 {
inline constexpr size_t kVersionClassLabel = 0, kPayloadLength = 4, kNextHeader = 6, kHopLimit = 7;
inline constexpr size_t kSource = 8, kDestination = 24, kHeaderBytes = 40;
inline constexpr uint8_t kHopByHop = 0, kRouting = 43, kFragment = 44, kDestinationOptions = 60;
}  // namespace ipv6

namespace tcp {
inline constexpr size_t kSourcePort = 0, kDestinationPort = 2, kSequence = 4, kAcknowledgment = 8;
inline constexpr size_t kDataOffset = 12, kFlags = 13, kWindow = 14, kChecksum = 16, kUrgent = 18;
inline constexpr size_t kHeaderBytes = 20;  // without options
}  // namespace tcp

namespace udp {
inline constexpr size_t kSourcePort = 0, kDestinationPort = 2, kLength = 4, kChecksum = 6,
                        kHeaderBytes = 8;
}  // namespace udp

namespace icmp {
inline constexpr size_t kType = 0, kCode = 1, kChecksum = 2, kUnused = 4, kHeaderBytes = 8;
}  // namespace icmp

// IANA protocol numbers beside those with ports.
inline constexpr uint8_t kProtocolIcmp = 1, kProtocolIpv4 = 4, kProtocolIpv6 = 41,
                         kProtocolIcmpv6 = 58;

}  // namespace sluice::dataplane

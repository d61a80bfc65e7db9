// SPDX-License-Identifier: Apache-2.0
//
// The 5-tuple of a flow as whole 64-bit words, so that it stays in registers from parse to look-up.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "dataplane/net/byte_order.h"
#include "dataplane/net/ip_address.h"

namespace sluice::dataplane {

// IANA protocol numbers that have ports.
inline constexpr uint8_t kProtocolTcp = 6;
inline constexpr uint8_t kProtocolUdp = 17;

// Shape: words = source, destination as they lie in the packet, then source port | destination port
// << 16 | protocol << 32. Unused bits are zero, so that equal flows are equal words.
template <Family F>
struct FlowKey {
  static constexpr size_t kAddressBytes = F == Family::kIpv4 ? 4 : 16;
  static constexpr size_t kWords = F == Family::kIpv4 ? 2 : 5;

  std::array<uint64_t, kWords> words{};

  static FlowKey make(const uint8_t* source, const uint8_t* destination, Be16 source_port,
                      Be16 destination_port, uint8_t protocol) noexcept {
    FlowKey key;
    std::memcpy(key.words.data(), source, kAddressBytes);
    std::memcpy(reinterpret_cast<uint8_t*>(key.words.data()) + kAddressBytes, destination,
                kAddressBytes);
    key.words[kWords - 1] =
        uint64_t{source_port.raw} | uint64_t{destination_port.raw} << 16 | uint64_t{protocol} << 32;
    return key;
  }

  const uint8_t* source() const noexcept { return reinterpret_cast<const uint8_t*>(words.data()); }
  const uint8_t* destination() const noexcept { return source() + kAddressBytes; }
  Be16 source_port() const noexcept { return {static_cast<uint16_t>(words[kWords - 1])}; }
  Be16 destination_port() const noexcept {
    return {static_cast<uint16_t>(words[kWords - 1] >> 16)};
  }
  uint8_t protocol() const noexcept { return static_cast<uint8_t>(words[kWords - 1] >> 32); }

  IpAddress source_address() const noexcept {
    return *IpAddress::from_bytes({source(), kAddressBytes});
  }
  IpAddress destination_address() const noexcept {
    return *IpAddress::from_bytes({destination(), kAddressBytes});
  }

  // Without branches: keys that are compared are mostly equal.
  friend constexpr bool operator==(const FlowKey& a, const FlowKey& b) noexcept {
    uint64_t different = 0;
    for (size_t i = 0; i < kWords; ++i)
      different |= a.words[i] ^ b.words[i];
    return different == 0;
  }
};

}  // namespace sluice::dataplane

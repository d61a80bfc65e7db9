// SPDX-License-Identifier: Apache-2.0
//
// Integers in network byte order, as types: a `Be16` cannot be mistaken for a host integer.
#pragma once

#include <bit>
#include <cstdint>

namespace sluice::dataplane {

static_assert(std::endian::native == std::endian::little, "x86-64 and arm64 only");

// Value as it lies in the packet. Made from and turned into host order by name only.
template <class Unsigned>
struct BigEndian {
  Unsigned raw = 0;  // network order

  static constexpr BigEndian from_host(Unsigned host) noexcept { return {swap(host)}; }
  constexpr Unsigned host() const noexcept { return swap(raw); }
  friend constexpr bool operator==(BigEndian, BigEndian) = default;

 private:
  static constexpr Unsigned swap(Unsigned value) noexcept {
    if constexpr (sizeof(Unsigned) == 2) return __builtin_bswap16(value);
    if constexpr (sizeof(Unsigned) == 4) return __builtin_bswap32(value);
  }
};

using Be16 = BigEndian<uint16_t>;
using Be32 = BigEndian<uint32_t>;

}  // namespace sluice::dataplane

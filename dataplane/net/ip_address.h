// SPDX-License-Identifier: Apache-2.0
//
// IP addresses and prefixes of either family, for everything outside the per-packet path.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::dataplane {

enum class Family : uint8_t { kIpv4, kIpv6 };

// An IPv4 or IPv6 address. Bytes are in network order; an IPv4 address uses the first four, the
// rest are zero.
class IpAddress {
 public:
  constexpr IpAddress() = default;  // 0.0.0.0

  // Errors: nullopt unless `text` is exactly one address ("10.0.0.1", "2001:db8::1"); no zones, no
  // octal.
  static std::optional<IpAddress> parse(std::string_view text);
  // Errors: nullopt unless `bytes` has 4 or 16 bytes.
  static std::optional<IpAddress> from_bytes(std::span<const uint8_t> bytes) noexcept;
  static std::optional<IpAddress> from_bytes(std::string_view bytes) noexcept;

  constexpr Family family() const noexcept { return family_; }
  constexpr bool is_ipv4() const noexcept { return family_ == Family::kIpv4; }
  // Shape: 4 or 16 bytes, network order.
  constexpr std::span<const uint8_t> bytes() const noexcept {
    return std::span(bytes_).first(is_ipv4() ? 4 : 16);
  }
  constexpr uint8_t bit_count() const noexcept { return is_ipv4() ? 32 : 128; }
  std::string to_bytes() const;   // for protobuf `bytes` fields
  std::string to_string() const;  // RFC 5952 for IPv6

  friend constexpr auto operator<=>(const IpAddress&, const IpAddress&) = default;

 private:
  Family family_ = Family::kIpv4;
  std::array<uint8_t, 16> bytes_{};
};

// An address prefix with host bits zero.
class IpPrefix {
 public:
  // Errors: nullopt unless "ADDRESS/LENGTH" with host bits zero; a bare address is a prefix of full
  // length.
  static std::optional<IpPrefix> parse(std::string_view text);
  // Errors: nullopt when `length` exceeds the family's or host bits are set.
  static std::optional<IpPrefix> make(const IpAddress& address, uint8_t length) noexcept;
  // The prefix of this length that holds `address`.
  static IpPrefix around(const IpAddress& address, uint8_t length) noexcept;

  const IpAddress& address() const noexcept { return address_; }
  uint8_t length() const noexcept { return length_; }
  bool contains(const IpAddress& address) const noexcept;
  bool contains(const IpPrefix& other) const noexcept;
  std::string to_string() const;  // "198.51.100.0/24"

  friend constexpr auto operator<=>(const IpPrefix&, const IpPrefix&) = default;

 private:
  IpPrefix(const IpAddress& address, uint8_t length) : address_(address), length_(length) {}
  IpAddress address_;
  uint8_t length_ = 0;
};

}  // namespace sluice::dataplane

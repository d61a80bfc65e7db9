// SPDX-License-Identifier: Apache-2.0
//
// Text and bytes of addresses; prefix arithmetic.
#include "dataplane/net/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace sluice::dataplane {
namespace {

// `bytes` with every bit after the first `length` cleared.
std::array<uint8_t, 16> masked(std::span<const uint8_t> bytes, uint8_t length) noexcept {
  std::array<uint8_t, 16> result{};
  const size_t whole = length / 8;
  std::copy_n(bytes.begin(), whole, result.begin());
  if (length % 8 != 0) {
    result[whole] = static_cast<uint8_t>(bytes[whole] & (0xff00u >> (length % 8)));
  }
  return result;
}

// Errors: nullopt unless `text` is a decimal number below 256 with no sign and no leading zero.
std::optional<uint8_t> parse_length(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  uint8_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return length;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  const std::string terminated(text);
  IpAddress address;
  address.family_ = text.find(':') == std::string_view::npos ? Family::kIpv4 : Family::kIpv6;
  const int family = address.is_ipv4() ? AF_INET : AF_INET6;
  if (inet_pton(family, terminated.c_str(), address.bytes_.data()) != 1) return std::nullopt;
  return address;
}

std::optional<IpAddress> IpAddress::from_bytes(std::span<const uint8_t> bytes) noexcept {
  if (bytes.size() != 4 && bytes.size() != 16) return std::nullopt;
  IpAddress address;
  address.family_ = bytes.size() == 4 ? Family::kIpv4 : Family::kIpv6;
  std::copy(bytes.begin(), bytes.end(), address.bytes_.begin());
  return address;
}

std::optional<IpAddress> IpAddress::from_bytes(std::string_view bytes) noexcept {
  return from_bytes(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

std::string IpAddress::to_bytes() const {
  return {reinterpret_cast<const char*>(bytes_.data()), bytes().size()};
}

std::string IpAddress::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(is_ipv4() ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<IpAddress> address = IpAddress::parse(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return make(*address, address->bit_count());
  const std::optional<uint8_t> length = parse_length(text.substr(slash + 1));
  return length ? make(*address, *length) : std::nullopt;
}

std::optional<IpPrefix> IpPrefix::make(const IpAddress& address, uint8_t length) noexcept {
  if (length > address.bit_count()) return std::nullopt;
  const IpPrefix prefix = around(address, length);
  if (prefix.address() != address) return std::nullopt;
  return prefix;
}

IpPrefix IpPrefix::around(const IpAddress& address, uint8_t length) noexcept {
  const uint8_t kept = std::min(length, address.bit_count());
  const std::array<uint8_t, 16> bytes = masked(address.bytes(), kept);
  return {*IpAddress::from_bytes(std::span(bytes).first(address.bytes().size())), kept};
}

bool IpPrefix::contains(const IpAddress& address) const noexcept {
  return address.family() == address_.family() && around(address, length_) == *this;
}

bool IpPrefix::contains(const IpPrefix& other) const noexcept {
  return length_ <= other.length_ && contains(other.address_);
}

std::string IpPrefix::to_string() const {
  return address_.to_string() + "/" + std::to_string(length_);
}

}  // namespace sluice::dataplane

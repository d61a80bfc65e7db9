// SPDX-License-Identifier: Apache-2.0
//
// The written form of a service's ports.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::controlplane {

// IANA protocol numbers.
enum class Protocol : uint8_t { kTcp = 6, kUdp = 17, kSctp = 132 };

struct PortSpec {
  Protocol protocol = Protocol::kTcp;
  uint16_t port = 0;  // 0: any

  friend constexpr auto operator<=>(const PortSpec&, const PortSpec&) = default;
};

// "tcp/80", "udp/0". Errors: nullopt.
std::optional<PortSpec> parse_port(std::string_view text);
std::string to_string(const PortSpec& port);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Option values that are more than text: endpoints, protocols, durations, times.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dataplane/net/ip_address.h"

namespace sluice::controlplane::cli {

struct Endpoint {
  dataplane::IpAddress address;
  uint32_t port = 0;
};

// All give INVALID_ARGUMENT with what would be right.
absl::StatusOr<Endpoint> parse_endpoint(
    std::string_view text);  // "198.51.100.7:40000", "[2001:db8::1]:40000"
absl::StatusOr<uint32_t> parse_protocol(std::string_view text);  // "tcp" or "udp": its IANA number
absl::StatusOr<absl::Duration> parse_duration(
    std::string_view text);  // "1d2h3m4s500ms"; never negative
// RFC 3339, or how long before `now`.
absl::StatusOr<absl::Time> parse_time(std::string_view text, absl::Time now);

}  // namespace sluice::controlplane::cli

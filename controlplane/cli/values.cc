// SPDX-License-Identifier: Apache-2.0
//
// Parses option values.
#include "controlplane/cli/values.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/string_view.h"
#include "dataplane/net/flow_key.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {
namespace {

// Debian builds Abseil with a string_view of its own.
absl::string_view to_absl(std::string_view text) {
  return {text.data(), text.size()};
}

constexpr int64_t kDaysMax = 36500;

absl::Status no_endpoint(std::string_view text) {
  return absl::InvalidArgumentError(fmt::format(
      "\"{}\" is no endpoint; write ADDRESS:PORT, as 198.51.100.7:40000 or [2001:db8::1]:40000",
      text));
}

}  // namespace

absl::StatusOr<Endpoint> parse_endpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return no_endpoint(text);
  std::string_view host = text.substr(0, colon);
  const std::string_view port_text = text.substr(colon + 1);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);

  const auto address = dataplane::IpAddress::parse(host);
  if (!address || address->is_ipv4() == is_bracketed) return no_endpoint(text);
  const bool has_digits =
      !port_text.empty() && port_text.find_first_not_of("0123456789") == std::string_view::npos;
  uint32_t port = 0;
  if (!has_digits || !absl::SimpleAtoi(to_absl(port_text), &port) || port > 65535)
    return no_endpoint(text);
  return Endpoint{*address, port};
}

absl::StatusOr<uint32_t> parse_protocol(std::string_view text) {
  const std::string lower = absl::AsciiStrToLower(to_absl(text));
  if (lower == "tcp") return uint32_t{dataplane::kProtocolTcp};
  if (lower == "udp") return uint32_t{dataplane::kProtocolUdp};
  return absl::InvalidArgumentError(fmt::format("\"{}\" is no protocol; write tcp or udp", text));
}

absl::StatusOr<absl::Duration> parse_duration(std::string_view text) {
  absl::Duration days;
  std::string_view rest = text;
  if (const size_t unit = text.find('d'); unit != std::string_view::npos) {
    int64_t count = 0;
    if (absl::SimpleAtoi(to_absl(text.substr(0, unit)), &count) && count >= 0 &&
        count <= kDaysMax) {
      days = absl::Hours(24 * count);
      rest = text.substr(unit + 1);
    }
  }
  absl::Duration clock;
  const bool is_whole = rest.empty() && !text.empty();
  if ((is_whole || absl::ParseDuration(to_absl(rest), &clock)) && clock >= absl::ZeroDuration() &&
      clock < absl::InfiniteDuration()) {
    return days + clock;
  }
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" is no duration; write it as 500ms, 30s, 10m or 1d2h", text));
}

absl::StatusOr<absl::Time> parse_time(std::string_view text, absl::Time now) {
  absl::Time time;
  std::string error;
  if (absl::ParseTime(absl::RFC3339_full, to_absl(text), &time, &error)) return time;
  if (const auto before = parse_duration(text); before.ok()) return now - *before;
  return absl::InvalidArgumentError(fmt::format(
      "\"{}\" is no time; write RFC 3339, as 2031-01-01T00:00:00Z, or how long ago, as 10m", text));
}

}  // namespace sluice::controlplane::cli

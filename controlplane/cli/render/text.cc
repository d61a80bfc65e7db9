// SPDX-License-Identifier: Apache-2.0
//
// Turns single values into text for people.
#include "controlplane/cli/render/text.h"

#include <array>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "dataplane/net/flow_key.h"
#include "dataplane/net/ip_address.h"
#include "dataplane/yaml/scalars.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {

using dataplane::IpAddress;

std::string address_text(const std::string& bytes) {
  const auto address = IpAddress::from_bytes(std::string_view(bytes));
  return address ? address->to_string() : hexadecimal(bytes);
}

std::string prefix_text(const std::string& bytes) {
  if (bytes.empty()) return "";
  const auto address = IpAddress::from_bytes(std::string_view(bytes).substr(0, bytes.size() - 1));
  if (!address) return hexadecimal(bytes);
  return fmt::format("{}/{}", address->to_string(), static_cast<uint8_t>(bytes.back()));
}

std::string hexadecimal(const std::string& bytes) {
  return absl::BytesToHexString(bytes);
}

std::string endpoint_text(const std::string& address_bytes, uint32_t port) {
  const std::string address = address_text(address_bytes);
  return address.find(':') == std::string::npos ? fmt::format("{}:{}", address, port)
                                                : fmt::format("[{}]:{}", address, port);
}

std::string protocol_text(uint32_t protocol) {
  if (protocol == dataplane::kProtocolTcp) return "tcp";
  if (protocol == dataplane::kProtocolUdp) return "udp";
  return fmt::format("{}", protocol);
}

std::string labels_text(const google::protobuf::Map<std::string, std::string>& labels) {
  const std::map<std::string, std::string> sorted(labels.begin(), labels.end());
  return absl::StrJoin(sorted, ",", absl::PairFormatter("="));
}

std::string selector_text(const v1::LabelSelector& selector) {
  std::vector<std::string> terms;
  if (!selector.match_labels().empty()) terms.push_back(labels_text(selector.match_labels()));
  for (const v1::LabelRequirement& requirement : selector.match_expressions()) {
    const std::string values = absl::StrJoin(requirement.values(), "|");
    switch (requirement.operator_()) {
      case v1::LabelRequirement::OPERATOR_IN:
        terms.push_back(fmt::format("{} In ({})", requirement.key(), values));
        break;
      case v1::LabelRequirement::OPERATOR_NOT_IN:
        terms.push_back(fmt::format("{} NotIn ({})", requirement.key(), values));
        break;
      case v1::LabelRequirement::OPERATOR_DOES_NOT_EXIST:
        terms.push_back("!" + requirement.key());
        break;
      default:
        terms.push_back(requirement.key());
    }
  }
  return terms.empty() ? "all" : absl::StrJoin(terms, ",");
}

absl::Time time_of(const google::protobuf::Timestamp& timestamp) {
  return absl::FromUnixSeconds(timestamp.seconds()) + absl::Nanoseconds(timestamp.nanos());
}

std::string time_text(const google::protobuf::Timestamp& timestamp) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time_of(timestamp), absl::UTCTimeZone());
}

std::string age_text(absl::Duration age) {
  if (age < absl::ZeroDuration()) return "0s";  // the node's clock is ahead of ours
  const int64_t seconds = absl::ToInt64Seconds(age);
  const int64_t minutes = seconds / 60;
  const int64_t hours = minutes / 60;
  const int64_t days = hours / 24;
  if (days > 0) return fmt::format("{}d{}h", days, hours % 24);
  if (hours > 0) return fmt::format("{}h{}m", hours, minutes % 60);
  if (minutes > 0) return fmt::format("{}m{}s", minutes, seconds % 60);
  return fmt::format("{}s", seconds);
}

std::string count_text(double count) {
  constexpr std::array<const char*, 4> kUnits{"k", "M", "G", "T"};
  if (count < 1000) return fmt::format("{:.{}f}", count, count == static_cast<int>(count) ? 0 : 1);
  size_t unit = 0;
  for (count /= 1000; count >= 1000 && unit + 1 < kUnits.size(); ++unit)
    count /= 1000;
  return fmt::format("{:.1f}{}", count, kUnits[unit]);
}

std::string percent_text(double part, double whole) {
  return whole > 0 ? fmt::format("{:.1f}%", 100 * part / whole) : "-";
}

std::string short_enum_text(const std::string& name, const std::string& prefix) {
  return absl::AsciiStrToLower(name.rfind(prefix, 0) == 0 ? name.substr(prefix.size()) : name);
}

std::string printable(std::string_view text) {
  const bool is_text = is_utf8(text);
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_control = byte < 0x20 || byte == 0x7f;
    if (is_control || (byte >= 0x80 && !is_text)) {
      shown += fmt::format("\\x{:02x}", byte);
    } else {
      shown += c;
    }
  }
  return shown;
}

std::string or_dash(const std::string& text) {
  return text.empty() ? "-" : text;
}

}  // namespace sluice::controlplane::cli

// SPDX-License-Identifier: Apache-2.0
//
// Checks single fields of the configuration.
#include "dataplane/daemon/settings_reader.h"

#include <charconv>

#include "fmt/format.h"

namespace sluice::dataplane {
namespace {

constexpr size_t kMacTextLength = 17;  // "02:00:00:00:01:11"

template <class T>
std::optional<T> parse_number(std::string_view text, int base) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::array<uint8_t, 6>> parse_mac(const std::string& text) {
  if (text.size() != kMacTextLength) return std::nullopt;
  std::array<uint8_t, 6> mac{};
  for (size_t i = 0; i < mac.size(); ++i) {
    if (i > 0 && text[3 * i - 1] != ':') return std::nullopt;
    const auto byte = parse_number<uint8_t>(std::string_view(text).substr(3 * i, 2), 16);
    if (!byte) return std::nullopt;
    mac[i] = *byte;
  }
  return mac;
}

}  // namespace

void SettingsReader::problem(const std::string& path, const std::string& message) {
  std::string written = path;
  uint32_t line = 1;
  while (!written.empty()) {
    if (const auto found = lines_.find(written); found != lines_.end()) {
      line = found->second;
      break;
    }
    const size_t end = written.find_last_of(".[");
    written.resize(end == std::string::npos ? 0 : end);
  }
  problems_.push_back({line, path, message});
}

uint32_t SettingsReader::number(const std::string& path, std::optional<uint32_t> value,
                                Range range) {
  if (!value) return range.when_unset;
  if (*value < range.low || *value > range.high) {
    problem(path, fmt::format("{} is out of range; must be {}..{}", *value, range.low, range.high));
  }
  return *value;
}

std::chrono::nanoseconds SettingsReader::duration(const std::string& path,
                                                  const google::protobuf::Duration* value,
                                                  const DurationRange& range) {
  if (value == nullptr) return range.when_unset;
  const auto length =
      std::chrono::seconds(value->seconds()) + std::chrono::nanoseconds(value->nanos());
  if (length < range.low || length > range.high) {
    problem(path,
            fmt::format("{} is out of range; must be {}..{}", format_duration(length.count()),
                        format_duration(range.low.count()), format_duration(range.high.count())));
  }
  return length;
}

void SettingsReader::check_name(const std::string& path, const std::string& name) {
  if (is_object_name(name)) return;
  if (name.empty()) return problem(path, "is required");
  problem(path,
          fmt::format("\"{}\" is no name; must be 1..63 of a-z, 0-9 and -, beginning and ending "
                      "with a letter or digit",
                      name));
}

std::optional<InterfaceAddress> SettingsReader::interface_address(const std::string& path,
                                                                  const std::string& text) {
  const size_t slash = text.find('/');
  if (slash != std::string::npos) {
    const auto address = IpAddress::parse(text.substr(0, slash));
    const auto length = parse_number<uint8_t>(std::string_view(text).substr(slash + 1), 10);
    if (address && length && *length <= address->bit_count())
      return InterfaceAddress{*address, *length};
  }
  problem(path,
          fmt::format("\"{}\" is no ADDRESS/LENGTH; write 10.77.1.2/24 or fd77:1::2/64", text));
  return std::nullopt;
}

std::optional<IpAddress> SettingsReader::address(const std::string& path, const std::string& text) {
  std::optional<IpAddress> address = IpAddress::parse(text);
  if (!address) {
    problem(path,
            text.empty()
                ? "is required"
                : fmt::format("\"{}\" is no IP address; write 10.77.1.11 or fd77:1::11", text));
  }
  return address;
}

std::optional<std::array<uint8_t, 6>> SettingsReader::mac(const std::string& path,
                                                          const std::string& text) {
  const auto mac = parse_mac(text);
  if (!mac) {
    problem(path, text.empty()
                      ? "is required"
                      : fmt::format("\"{}\" is no MAC address; write 02:00:00:00:01:11", text));
    return std::nullopt;
  }
  if (((*mac)[0] & 1) != 0) {
    problem(path, fmt::format("\"{}\" is a group address; a next hop has a MAC of its own", text));
  }
  return mac;
}

}  // namespace sluice::dataplane

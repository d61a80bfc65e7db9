// SPDX-License-Identifier: Apache-2.0
//
// The written form of single values.
#include "dataplane/yaml/scalars.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/time/time.h"
#include "dataplane/yaml/read_message.h"
#include "fmt/format.h"

namespace sluice {
namespace {

struct Unit {
  std::string_view name;
  int64_t nanoseconds;
};
// "ms" and "m" both begin with m: the text after the digits is taken whole, up to the next digit.
constexpr std::array<Unit, 6> kUnits = {{{"d", 86'400'000'000'000},
                                         {"h", 3'600'000'000'000},
                                         {"m", 60'000'000'000},
                                         {"s", 1'000'000'000},
                                         {"ms", 1'000'000},
                                         {"us", 1'000}}};
constexpr int64_t kDurationMax = 36'500 * kUnits[0].nanoseconds;  // fits int64 with room to add

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

size_t length_of_digits(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && is_digit(text[count]))
    ++count;
  return count;
}

size_t length_of_letters(std::string_view text) {
  size_t count = 0;
  while (count < text.size() && !is_digit(text[count]))
    ++count;
  return count;
}

// Whether `text` has digits where `shape` has 0, and `shape`'s own characters elsewhere.
bool has_shape(std::string_view text, std::string_view shape) {
  if (text.size() != shape.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (shape[i] == '0' ? !is_digit(text[i]) : text[i] != shape[i]) return false;
  }
  return true;
}

bool is_rfc3339(std::string_view text) {
  constexpr std::string_view kDateTime = "0000-00-00T00:00:00";
  if (!has_shape(text.substr(0, kDateTime.size()), kDateTime)) return false;
  text.remove_prefix(kDateTime.size());
  if (!text.empty() && text[0] == '.') {
    const size_t digits = length_of_digits(text.substr(1));
    if (digits < 1 || digits > 9) return false;
    text.remove_prefix(1 + digits);
  }
  return text == "Z" || has_shape(text, "+00:00") || has_shape(text, "-00:00");
}

bool is_canonical_decimal(std::string_view text) {
  if (!text.empty() && text[0] == '-') text.remove_prefix(1);
  if (text.empty() || length_of_digits(text) != text.size()) return false;
  return text.size() == 1 || text[0] != '0';
}

std::string without_prefix(const google::protobuf::EnumValueDescriptor& value) {
  std::string prefix;  // "OnFailure" -> "ON_FAILURE_"
  for (const char c : value.type()->name()) {
    if (absl::ascii_isupper(static_cast<unsigned char>(c)) && !prefix.empty()) prefix += '_';
    prefix += absl::ascii_toupper(static_cast<unsigned char>(c));
  }
  prefix += '_';
  return value.name().starts_with(prefix) ? value.name().substr(prefix.size()) : value.name();
}

std::string camel_case(std::string_view upper) {  // "NOT_IN" -> "NotIn"
  std::string text;
  bool start = true;
  for (const char c : upper) {
    if (c != '_') {
      text += start ? c : absl::ascii_tolower(static_cast<unsigned char>(c));
    }
    start = c == '_';
  }
  return text;
}

// Bytes of the UTF-8 sequence that `text` begins with; 0 when it is none.
size_t utf8_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
  const bool surrogate = first == 0xed && byte(1) > 0x9f;
  const bool beyond = first == 0xf4 && byte(1) > 0x8f;
  return overlong || surrogate || beyond ? 0 : length;
}

}  // namespace

std::optional<int64_t> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int64_t total = 0;
  size_t next_unit = 0;
  while (!text.empty()) {
    const std::string_view number = text.substr(0, length_of_digits(text));
    text.remove_prefix(number.size());
    const std::string_view name = text.substr(0, length_of_letters(text));
    text.remove_prefix(name.size());
    while (next_unit < kUnits.size() && kUnits[next_unit].name != name)
      ++next_unit;
    if (next_unit == kUnits.size()) return std::nullopt;
    const int64_t unit = kUnits[next_unit++].nanoseconds;
    const std::optional<int64_t> count = parse_signed(number, 0, kDurationMax / unit);
    if (!count) return std::nullopt;
    total += *count * unit;
    if (total > kDurationMax) return std::nullopt;
  }
  return total;
}

std::string format_duration(int64_t nanoseconds) {
  std::string text;
  for (const Unit& unit : kUnits) {
    const int64_t count = nanoseconds / unit.nanoseconds;
    if (count > 0) text += fmt::format("{}{}", count, unit.name);
    nanoseconds -= count * unit.nanoseconds;
  }
  return text.empty() ? "0s" : text;
}

std::optional<UnixTime> parse_timestamp(std::string_view text) {
  if (!is_rfc3339(text) || text.starts_with("0000")) return std::nullopt;
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, {text.data(), text.size()}, &time, nullptr)) {
    return std::nullopt;
  }
  const int64_t seconds = absl::ToUnixSeconds(time);
  const absl::Duration rest = time - absl::FromUnixSeconds(seconds);
  return UnixTime{seconds, static_cast<int32_t>(absl::ToInt64Nanoseconds(rest))};
}

std::optional<int64_t> parse_signed(std::string_view text, int64_t min, int64_t max) {
  int64_t value = 0;
  if (!is_canonical_decimal(text)) return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value < min || value > max) return std::nullopt;
  return value;
}

std::optional<uint64_t> parse_unsigned(std::string_view text, uint64_t max) {
  uint64_t value = 0;
  if (!is_canonical_decimal(text) || text[0] == '-') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value > max) return std::nullopt;
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_whole_text = error == std::errc{} && end == text.data() + text.size();
  if (!is_whole_text || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string enum_text(const google::protobuf::EnumValueDescriptor& value) {
  const std::string name = without_prefix(value);
  const bool as_in_kubernetes = value.type()->full_name() == "sluice.v1.LabelRequirement.Operator";
  return as_in_kubernetes ? camel_case(name) : absl::AsciiStrToLower(name);
}

std::vector<std::string> enum_texts(const google::protobuf::EnumDescriptor& type) {
  std::vector<std::string> texts;
  for (int i = 0; i < type.value_count(); ++i) {
    if (type.value(i)->number() != 0) texts.push_back(enum_text(*type.value(i)));
  }
  return texts;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t length = utf8_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool is_plain_text(std::string_view text) {
  const auto is_control = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t' && c != '\n') || byte == 0x7f;
  };
  return is_utf8(text) && std::none_of(text.begin(), text.end(), is_control);
}

}  // namespace sluice

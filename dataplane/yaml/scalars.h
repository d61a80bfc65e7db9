// SPDX-License-Identifier: Apache-2.0
//
// The written form of single values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/descriptor.h"

namespace sluice {

// Nanoseconds of "1d2h3m4s500ms200us": units at most once and in this order, at most 36500 days in
// all. Errors: nullopt.
std::optional<int64_t> parse_duration(std::string_view text);

struct UnixTime {
  int64_t seconds = 0;
  int32_t nanoseconds = 0;
};
// "2031-01-01T00:00:00Z", with a fraction of up to nine digits and any offset. Errors: nullopt.
std::optional<UnixTime> parse_timestamp(std::string_view text);

// "-7", "0", "65537": decimal, no leading zeros, no plus. Errors: nullopt, also when out of range.
std::optional<int64_t> parse_signed(std::string_view text, int64_t min, int64_t max);
std::optional<uint64_t> parse_unsigned(std::string_view text, uint64_t max);

// "0.05", "-3", "1e-3": finite. Errors: nullopt.
std::optional<double> parse_number(std::string_view text);

// How an enum value is written: "ipip" for FORWARDING_IPIP; label operators as in Kubernetes
// ("NotIn").
std::string enum_text(const google::protobuf::EnumValueDescriptor& value);
// Every value that may be written, in the order of their numbers; the unspecified one may not.
std::vector<std::string> enum_texts(const google::protobuf::EnumDescriptor& type);

bool is_utf8(std::string_view text);
// Whether `text` is UTF-8 and has no control characters other than tab and newline.
bool is_plain_text(std::string_view text);

}  // namespace sluice

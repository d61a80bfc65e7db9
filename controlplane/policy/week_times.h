// SPDX-License-Identifier: Apache-2.0
//
// The times of the week at which a route steers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "google/protobuf/repeated_field.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

inline constexpr uint32_t kMinutesOfDay = 1'440;
inline constexpr uint32_t kMinutesOfWeek = 7 * kMinutesOfDay;

// "08:30" as minutes since midnight; "24:00" is the day's end. Errors: nullopt.
std::optional<uint32_t> parse_time_of_day(std::string_view text);

// Minutes since Monday 00:00, in UTC.
struct WeekSpan {
  uint32_t begin = 0;
  uint32_t end = 0;  // the first minute outside

  friend constexpr bool operator==(const WeekSpan&, const WeekSpan&) = default;
};

// What the windows cover together: sorted and apart from each other. A window past Sunday's end
// goes on at Monday's begin. Windows that cannot be parsed cover nothing.
std::vector<WeekSpan> week_spans(const google::protobuf::RepeatedPtrField<v1::TimeWindow>& windows);

// Whether some minute is in both; empty means the whole week. Shape: as `week_spans` gives them.
bool overlap(const std::vector<WeekSpan>& a, const std::vector<WeekSpan>& b);

}  // namespace sluice::controlplane

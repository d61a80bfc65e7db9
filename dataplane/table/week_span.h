// SPDX-License-Identifier: Apache-2.0
//
// Parts of the week, in UTC, from one minute to another.
#pragma once

#include <cstdint>
#include <span>

namespace sluice::dataplane {

inline constexpr uint32_t kMinutesPerWeek = 7 * 24 * 60;

// Minutes from Monday 00:00 UTC.  Shape: begin < end <= kMinutesPerWeek: what goes on past Sunday
// is two spans.
struct WeekSpan {
  uint32_t begin = 0;
  uint32_t end = 0;  // the first minute outside
  friend auto operator<=>(const WeekSpan&, const WeekSpan&) = default;
};

// Shape: `unix_ms` is not before 1970.
uint32_t minute_of_week(int64_t unix_ms) noexcept;

// Whether the time lies in one of the spans, or there are none.
bool is_in_time(std::span<const WeekSpan> spans, int64_t unix_ms) noexcept;

// When one of the spans begins or ends next, after `unix_ms`; INT64_MAX: never.
int64_t next_boundary(std::span<const WeekSpan> spans, int64_t unix_ms) noexcept;

}  // namespace sluice::dataplane

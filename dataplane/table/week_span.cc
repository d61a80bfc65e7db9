// SPDX-License-Identifier: Apache-2.0
//
// The week's calendar.
#include "dataplane/table/week_span.h"

#include <algorithm>

namespace sluice::dataplane {
namespace {

constexpr int64_t kMsPerMinute = 60'000;
constexpr int64_t kMinutesFromMonday = 3 * 24 * 60;  // 1970 began on a Thursday

}  // namespace

uint32_t minute_of_week(int64_t unix_ms) noexcept {
  return static_cast<uint32_t>((unix_ms / kMsPerMinute + kMinutesFromMonday) % kMinutesPerWeek);
}

bool is_in_time(std::span<const WeekSpan> spans, int64_t unix_ms) noexcept {
  if (spans.empty()) return true;
  const uint32_t minute = minute_of_week(unix_ms);
  return std::ranges::any_of(
      spans, [&](const WeekSpan& span) { return span.begin <= minute && minute < span.end; });
}

int64_t next_boundary(std::span<const WeekSpan> spans, int64_t unix_ms) noexcept {
  const uint32_t minute = minute_of_week(unix_ms);
  int64_t next = INT64_MAX;
  for (const WeekSpan& span : spans) {
    for (const uint32_t boundary : {span.begin, span.end}) {
      // From 1 minute to a week: a boundary that is now comes again.
      const uint32_t ahead = (boundary + 2 * kMinutesPerWeek - minute - 1) % kMinutesPerWeek + 1;
      next = std::min(next, (unix_ms / kMsPerMinute + ahead) * kMsPerMinute);
    }
  }
  return next;
}

}  // namespace sluice::dataplane

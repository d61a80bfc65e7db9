// SPDX-License-Identifier: Apache-2.0
//
// When parts of the week begin and end.
#include "dataplane/table/week_span.h"

#include <gtest/gtest.h>

#include <array>

namespace sluice::dataplane {
namespace {

constexpr int64_t kMinuteMs = 60'000;
constexpr int64_t kMonday = 1'800'230'400'000;  // 2027-01-18, a Monday, 00:00 UTC
constexpr uint32_t kDay = 24 * 60;

TEST(WeekSpan, TheWeekBeginsOnMondayMidnight) {
  EXPECT_EQ(minute_of_week(kMonday), 0u);
  EXPECT_EQ(minute_of_week(kMonday + kMinuteMs - 1), 0u);
  EXPECT_EQ(minute_of_week(kMonday - 1), kMinutesPerWeek - 1);
  EXPECT_EQ(minute_of_week(0), 3 * kDay) << "1970-01-01 was a Thursday";
}

TEST(WeekSpan, HoldsFromItsFirstMinuteUntilBeforeItsEnd) {
  const std::array spans = {WeekSpan{.begin = 480, .end = 1080}};

  EXPECT_FALSE(is_in_time(spans, kMonday + 480 * kMinuteMs - 1));
  EXPECT_TRUE(is_in_time(spans, kMonday + 480 * kMinuteMs));
  EXPECT_TRUE(is_in_time(spans, kMonday + 1080 * kMinuteMs - 1));
  EXPECT_FALSE(is_in_time(spans, kMonday + 1080 * kMinuteMs));
  EXPECT_TRUE(is_in_time(spans, kMonday + (480 + 7 * int64_t{kDay}) * kMinuteMs)) << "next week";
}

TEST(WeekSpan, WithoutSpansItIsAlwaysTime) {
  EXPECT_TRUE(is_in_time({}, kMonday));
  EXPECT_EQ(next_boundary({}, kMonday), INT64_MAX);
}

// Sunday 22:00 to Monday 06:00.
TEST(WeekSpan, GoesOnPastSundayAsTwoSpans) {
  const std::array spans = {WeekSpan{.begin = 0, .end = 360},
                            WeekSpan{.begin = 6 * kDay + 1320, .end = kMinutesPerWeek}};

  EXPECT_TRUE(is_in_time(spans, kMonday - 1));
  EXPECT_TRUE(is_in_time(spans, kMonday));
  EXPECT_FALSE(is_in_time(spans, kMonday + 360 * kMinuteMs));
  EXPECT_FALSE(is_in_time(spans, kMonday - 121 * kMinuteMs));
}

TEST(WeekSpan, TheNextBoundaryIsAlwaysAhead) {
  const std::array spans = {WeekSpan{.begin = 480, .end = 1080}};
  const int64_t begin = kMonday + 480 * kMinuteMs;
  const int64_t end = kMonday + 1080 * kMinuteMs;
  const int64_t week = kMinutesPerWeek * kMinuteMs;

  EXPECT_EQ(next_boundary(spans, kMonday), begin);
  EXPECT_EQ(next_boundary(spans, begin - 1), begin);
  EXPECT_EQ(next_boundary(spans, begin), end);
  EXPECT_EQ(next_boundary(spans, end), begin + week);
}

TEST(WeekSpan, ABoundaryAtTheEndOfTheWeekIsNextMonday) {
  const std::array spans = {WeekSpan{.begin = 6 * kDay, .end = kMinutesPerWeek}};
  const int64_t week = kMinutesPerWeek * kMinuteMs;

  EXPECT_EQ(next_boundary(spans, kMonday + week - 1), kMonday + week);
  EXPECT_EQ(next_boundary(spans, kMonday), kMonday + 6 * kDay * kMinuteMs);
}

}  // namespace
}  // namespace sluice::dataplane

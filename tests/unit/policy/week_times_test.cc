// SPDX-License-Identifier: Apache-2.0
//
// Windows of local text become minutes of the week.
#include "controlplane/policy/week_times.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;

struct Window {
  std::vector<v1::Weekday> days;
  std::string from;
  std::string to;
};

std::vector<WeekSpan> spans_of(const std::vector<Window>& windows) {
  v1::RouteSpec route;
  for (const Window& window : windows) {
    v1::TimeWindow& added = *route.add_times();
    for (const v1::Weekday day : window.days)
      added.add_days(day);
    added.set_from(window.from);
    added.set_to(window.to);
  }
  return week_spans(route.times());
}

TEST(TimeOfDay, ReadsHoursAndMinutes) {
  EXPECT_EQ(parse_time_of_day("00:00"), 0u);
  EXPECT_EQ(parse_time_of_day("08:30"), 510u);
  EXPECT_EQ(parse_time_of_day("24:00"), 1440u);
  for (const char* text : {"", "8:30", "08:60", "24:01", "08-30", "08:3x", "-8:30", "008:30"})
    EXPECT_EQ(parse_time_of_day(text), std::nullopt) << text;
}

TEST(WeekSpans, BeginOnTheirDays) {
  EXPECT_THAT(spans_of({{{v1::WEEKDAY_TUE, v1::WEEKDAY_MON}, "08:00", "18:00"}}),
              ElementsAre(WeekSpan{480, 1080}, WeekSpan{1920, 2520}));
}

TEST(WeekSpans, GoOnAfterMidnightAndAfterSunday) {
  EXPECT_THAT(spans_of({{{v1::WEEKDAY_SUN}, "22:00", "06:00"}}),
              ElementsAre(WeekSpan{0, 360}, WeekSpan{9960, 10080}));
  EXPECT_THAT(spans_of({{{v1::WEEKDAY_MON}, "08:00", "08:00"}}), ElementsAre(WeekSpan{480, 1920}));
}

TEST(WeekSpans, AreMergedWhereTheyMeet) {
  EXPECT_THAT(spans_of({{{v1::WEEKDAY_MON}, "12:00", "18:00"},
                        {{v1::WEEKDAY_MON}, "08:00", "12:00"},
                        {{v1::WEEKDAY_MON}, "09:00", "10:00"}}),
              ElementsAre(WeekSpan{480, 1080}));
  EXPECT_THAT(spans_of({{{}, "00:00", "24:00"}}), ElementsAre(WeekSpan{0, 10080}));
}

TEST(WeekSpans, OverlapByTheMinute) {
  const std::vector<WeekSpan> day = {{480, 1080}};
  EXPECT_FALSE(overlap(day, {{0, 480}, {1080, 2000}}));
  EXPECT_TRUE(overlap(day, {{0, 481}}));
  EXPECT_TRUE(overlap(day, {}));
}

}  // namespace
}  // namespace sluice::controlplane

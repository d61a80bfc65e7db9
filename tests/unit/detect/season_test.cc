// SPDX-License-Identifier: Apache-2.0
//
// The season of the day is learned over days.
#include "controlplane/detect/season.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace sluice::controlplane {
namespace {

const absl::Time kMonday = absl::FromUnixSeconds(1'767'571'200);

double wave(absl::Time time) {
  const double hours = absl::FDivDuration(time - kMonday, absl::Hours(1));
  return 100 + 50 * std::sin(hours * std::numbers::pi / 12);
}

void add_days(Season& season, absl::Time from, int days, double factor) {
  for (int minute = 0; minute < days * 24 * 60; ++minute) {
    const absl::Time time = from + absl::Minutes(minute);
    season.add(time, factor * wave(time));
  }
}

TEST(Season, IsKnownAfterADay) {
  Season season;
  add_days(season, kMonday, 1, 0);
  Season half;
  for (int minute = 0; minute < 12 * 60; ++minute)
    half.add(kMonday + absl::Minutes(minute), 1);

  EXPECT_TRUE(season.is_known());
  EXPECT_FALSE(half.is_known());
}

TEST(Season, IsWhatTheDayWas) {
  Season season;
  add_days(season, kMonday, 2, 1);
  for (int minute = 0; minute < 24 * 60; minute += 7) {
    const absl::Time time = kMonday + absl::Hours(72) + absl::Minutes(minute);
    EXPECT_NEAR(season.value(time), wave(time), 1.5) << minute;
  }
}

TEST(Season, FollowsDaysThatChange) {
  Season season;
  add_days(season, kMonday, 1, 1);
  add_days(season, kMonday + absl::Hours(24), 12, 2);
  EXPECT_NEAR(season.value(kMonday + absl::Hours(6)), 300, 15);
}

TEST(Season, WorksBeforeTheEpoch) {
  Season season;
  add_days(season, kMonday - absl::Hours(24 * 70 * 365), 1, 1);
  EXPECT_TRUE(season.is_known());
}

TEST(Season, OfNothingIsStillAboveZero) {
  Season season;
  add_days(season, kMonday, 2, 0);
  EXPECT_GT(season.value(kMonday), 0);
}

}  // namespace
}  // namespace sluice::controlplane

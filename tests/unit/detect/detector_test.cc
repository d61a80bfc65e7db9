// SPDX-License-Identifier: Apache-2.0
//
// When one series is not as usual, and when it is.
#include "controlplane/detect/detector.h"

#include <gtest/gtest.h>

#include <cmath>
#include <iterator>
#include <random>

namespace sluice::controlplane {
namespace {

DetectorSettings without_season() {
  DetectorSettings settings;
  settings.season = SeasonOf::kNothing;
  return settings;
}

class CountSeries {
 public:
  explicit CountSeries(uint64_t seed, const DetectorSettings& settings = without_season())
      : random_(seed),
        detector_(settings, CountBaseline(settings.memory, settings.season), Sides::kBoth) {}

  std::optional<Change> minute(double mean) {
    now_ += absl::Minutes(1);
    const auto count = mean > 0 ? std::poisson_distribution<int64_t>(mean)(random_) : 0;
    return detector_.observe(now_, CountSample{.value = static_cast<double>(count)});
  }
  // The first change in that many minutes.
  std::optional<Change> minutes(int count, double mean) {
    for (int i = 0; i < count; ++i)
      if (std::optional<Change> change = minute(mean)) return change;
    return std::nullopt;
  }
  absl::Time now() const { return now_; }
  Detector& detector() { return detector_; }

 private:
  std::mt19937_64 random_;
  Detector detector_;
  absl::Time now_ = absl::FromUnixSeconds(1'767'571'200);
};

TEST(Detector, SaysNothingOfUsualTraffic) {
  for (uint64_t seed = 1; seed <= 20; ++seed)
    EXPECT_FALSE(CountSeries(seed).minutes(24 * 60, 200)) << seed;
}

TEST(Detector, FindsMoreThanUsual) {
  CountSeries series(1);
  ASSERT_FALSE(series.minutes(300, 100));
  const absl::Time before = series.now();

  const std::optional<Change> change = series.minutes(15, 200);

  ASSERT_TRUE(change);
  EXPECT_EQ(change->edge, Edge::kBegin);
  EXPECT_EQ(change->direction, Direction::kUp);
  EXPECT_GE(change->since, before);
  EXPECT_NEAR(change->size, 100, 30);
}

TEST(Detector, FindsLessThanUsual) {
  CountSeries series(2);
  ASSERT_FALSE(series.minutes(300, 100));
  const std::optional<Change> change = series.minutes(15, 30);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->direction, Direction::kDown);
  EXPECT_NEAR(change->size, -70, 15);
}

TEST(Detector, FindsSilence) {
  CountSeries series(3);
  ASSERT_FALSE(series.minutes(300, 5));
  const std::optional<Change> change = series.minutes(30, 0);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->direction, Direction::kDown);
}

TEST(Detector, TakesNoSingleMinuteForAnAnomaly) {
  CountSeries series(4);
  ASSERT_FALSE(series.minutes(300, 100));
  EXPECT_FALSE(series.minute(100'000));
  EXPECT_FALSE(series.minutes(60, 100));
}

TEST(Detector, SaysNothingInItsWarmUp) {
  CountSeries series(5);
  EXPECT_FALSE(series.minutes(20, 100));
  EXPECT_FALSE(series.minutes(kWarmUpIntervals - 20, 300));
}

TEST(Detector, EndsWhenTheSeriesIsAsUsualAgain) {
  CountSeries series(6);
  series.minutes(300, 100);
  const std::optional<Change> begin = series.minutes(20, 300);
  ASSERT_TRUE(begin);
  ASSERT_FALSE(series.minutes(20, 300));
  const absl::Time over = series.now();

  const std::optional<Change> end = series.minutes(60, 100);

  ASSERT_TRUE(end);
  EXPECT_EQ(end->edge, Edge::kEnd);
  EXPECT_EQ(end->since, begin->since);
  EXPECT_LE(series.now() - over, absl::Minutes(25));
  EXPECT_FALSE(series.minutes(300, 100));
}

TEST(Detector, KnowsAtTheEndSinceWhenHoweverFastItFalls) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    CountSeries series(seed);
    series.minutes(300, 100);
    const std::optional<Change> begin = series.minutes(20, 300);
    ASSERT_TRUE(begin);
    std::optional<Change> end;
    for (int i = 0; i < 20 && !end; ++i)
      end = series.minute(i % 2 == 0 ? 0 : 60 + static_cast<double>(seed % 50));
    ASSERT_TRUE(end);
    EXPECT_EQ(end->since, begin->since) << seed;
  }
}

TEST(Detector, KeepsOneAnomalyTogetherThroughUsualMinutes) {
  CountSeries series(7);
  series.minutes(300, 100);
  ASSERT_TRUE(series.minutes(20, 300));
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(series.minute(100));
    EXPECT_FALSE(series.minutes(3, 300));
  }
}

TEST(Detector, DoesNotLearnAnAnomalyWhileItLasts) {
  CountSeries series(8);
  series.minutes(300, 100);
  ASSERT_TRUE(series.minutes(20, 400));
  ASSERT_FALSE(series.minutes(150, 400));
  EXPECT_NEAR(series.detector().point().expected, 100, 12);
}

TEST(Detector, TakesALevelThatPersistsForTheUsualOne) {
  CountSeries series(9);
  series.minutes(300, 100);
  ASSERT_TRUE(series.minutes(20, 400));
  const std::optional<Change> change = series.minutes(300, 400);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->edge, Edge::kNewLevel);
  EXPECT_FALSE(series.minutes(600, 400));
  EXPECT_NEAR(series.detector().point().expected, 400, 30);
}

TEST(Detector, KnowsTheDayAfterADay) {
  DetectorSettings settings;
  CountSeries series(10, settings);
  const auto mean = [](int minute) { return 300 + 250 * std::sin(minute * 2 * M_PI / 1440); };
  for (int minute = 0; minute < 4 * 1440; ++minute)
    EXPECT_FALSE(series.minute(mean(minute))) << minute;
  const double night = mean(1080);
  ASSERT_NEAR(night, 50, 1);
  ASSERT_FALSE(series.minutes(1, mean(0)));

  // At the day's lowest time the mean of the day is an anomaly.
  for (int minute = 1; minute < 1080; ++minute)
    series.minute(mean(minute));
  EXPECT_TRUE(series.minutes(15, 150));
}

TEST(Detector, GivesUpAfterAGap) {
  CountSeries series(11);
  series.minutes(300, 100);
  ASSERT_TRUE(series.minutes(20, 400));
  EXPECT_FALSE(series.detector().miss(30));
  const std::optional<Change> change = series.detector().miss(31);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->edge, Edge::kLost);
  EXPECT_FALSE(series.detector().active());
  EXPECT_FALSE(series.minutes(kWarmUpIntervals, 400));
}

TEST(Detector, OfOneSideIsSilentAboutTheOther) {
  DetectorSettings settings = without_season();
  Detector resets(settings, RatioBaseline(settings.memory), Sides::kUp);
  absl::Time now = absl::UnixEpoch();
  const auto minutes = [&](int count, double part) {
    std::optional<Change> change;
    for (int i = 0; i < count && !change; ++i)
      change = resets.observe(now += absl::Minutes(1), RatioSample{part, 1000, {}});
    return change;
  };
  EXPECT_FALSE(minutes(300, 50));
  EXPECT_FALSE(minutes(60, 0));
  ASSERT_FALSE(minutes(300, 50));
  EXPECT_TRUE(minutes(20, 150));
}

TEST(Detector, ComparesWithTheConfiguredRatioAndNotWithThePast) {
  DetectorSettings settings = without_season();
  Detector share(settings, RatioBaseline(settings.memory), Sides::kBoth);
  absl::Time now = absl::UnixEpoch();
  const auto minutes = [&](int count, double part, double configured) {
    std::optional<Change> change;
    for (int i = 0; i < count && !change; ++i)
      change = share.observe(now += absl::Minutes(1), RatioSample{part, 10'000, configured});
    return change;
  };
  // A rollout's next step is no anomaly; a share that does not follow it is one.
  EXPECT_FALSE(minutes(120, 1000, 0.1));
  EXPECT_FALSE(minutes(120, 5000, 0.5));
  EXPECT_TRUE(minutes(10, 5000, 0.55));
}

TEST(Detector, NeverTakesADeviationFromTheConfiguredRatioForUsual) {
  DetectorSettings settings = without_season();
  Detector share(settings, RatioBaseline(settings.memory), Sides::kBoth);
  int changes = 0;
  for (int i = 0; i < 1000; ++i) {
    const double part = i < 100 ? 5000 : 6000;
    if (share.observe(absl::FromUnixSeconds(60 * i), RatioSample{part, 10'000, 0.5})) ++changes;
  }
  EXPECT_EQ(changes, 1);
  EXPECT_TRUE(share.active());
}

TEST(Detector, JudgesNothingWithoutTrials) {
  DetectorSettings settings = without_season();
  Detector share(settings, RatioBaseline(settings.memory), Sides::kBoth);
  for (int i = 0; i < 500; ++i)
    EXPECT_FALSE(share.observe(absl::FromUnixSeconds(60 * i), RatioSample{}));
  EXPECT_EQ(share.score(Direction::kUp), 0);
}

// Whatever counters and clocks say, every figure stays finite and every end has a begin.
TEST(DetectorProperties, FiguresStayFiniteWhateverIsObserved) {
  const double absurd[] = {0, 1, 1e18, -5, std::nan(""), INFINITY, 0.5, 3};
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto any = [&] { return absurd[random() % std::size(absurd)]; };
    DetectorSettings settings;
    Detector counts(settings, CountBaseline(settings.memory, SeasonOf::kDay), Sides::kBoth);
    Detector ratios(settings, RatioBaseline(settings.memory), Sides::kBoth);
    absl::Time now = absl::UnixEpoch();
    for (int i = 0; i < 2000; ++i) {
      now += absl::Minutes(random() % 50 == 0 ? int64_t(random() % 100'000) - 50'000 : 1);
      const bool is_wild = random() % 10 == 0;
      const double usual = static_cast<double>(random() % 20);
      for (Detector* detector : {&counts, &ratios}) {
        const std::optional<Direction> before = detector->active();
        const Sample sample =
            detector == &counts
                ? Sample(CountSample{is_wild ? any() : usual, is_wild ? any() : 1})
                : Sample(RatioSample{is_wild ? any() : usual, is_wild ? any() : 20, {}});
        const std::optional<Change> change = detector->observe(now, sample);
        const Point& point = detector->point();
        ASSERT_TRUE(std::isfinite(point.value) && std::isfinite(point.expected));
        ASSERT_TRUE(std::isfinite(point.low) && std::isfinite(point.high));
        ASSERT_TRUE(std::isfinite(detector->score(Direction::kUp)));
        ASSERT_EQ(before != detector->active(), change.has_value());
        ASSERT_TRUE(!change || std::isfinite(change->size));
      }
    }
  }
}

}  // namespace
}  // namespace sluice::controlplane

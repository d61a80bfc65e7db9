// SPDX-License-Identifier: Apache-2.0
//
// What a series usually is, learned from its past.
#pragma once

#include <memory>
#include <optional>
#include <variant>

#include "absl/time/time.h"
#include "controlplane/detect/finding.h"
#include "controlplane/detect/moving_average.h"
#include "controlplane/detect/season.h"

namespace sluice::controlplane {

// One interval of a count.  Units: flows or bytes.
struct CountSample {
  double value = 0;  // at least 0
  double grain = 1;  // what one event adds: 1 for flows, the mean size of one for bytes
};

// One interval of a ratio.
struct RatioSample {
  double part = 0;                   // from 0 to `trials`
  double trials = 0;                 // 0: the interval says nothing
  std::optional<double> configured;  // what the ratio is to be; unset: it is learned
};

using Sample = std::variant<CountSample, RatioSample>;

// A sample beside its baseline.
struct Judgement {
  Point point;
  double residual = 0;  // in standard deviations
};

// No single interval counts for more: a burst of one is usual.
inline constexpr double kResidualMax = 6;

enum class SeasonOf { kNothing, kDay };

// Time constants, in intervals.
struct Memory {
  double alone = 30;       // of a level without a known season, which follows the day itself
  double in_season = 120;  // of a level on top of a season
  double of_ratio = 240;
  double of_noise = 720;
};

// Until that many intervals are in, a baseline believes each wholly; afterwards none takes its
// level further than usual noise could.
inline constexpr int kWarmUpIntervals = 60;

// Level, season of the day, and dispersion of a count.
class CountBaseline {
 public:
  using SampleType = CountSample;

  CountBaseline(const Memory& memory, SeasonOf season);

  Judgement judge(absl::Time time, const CountSample& sample) const;
  void learn(absl::Time time, const CountSample& sample);
  // Of an interval that is part of an anomaly only what may become the level is learned.
  void learn_anomalous(absl::Time time, const CountSample& sample);
  void accept_new_level() { level_.replace(recent_.value()); }

 private:
  double profile(absl::Time time) const;
  double bounded(const Point& point, const CountSample& sample) const;
  void learn_season(absl::Time time, double value);

  Memory memory_;
  MovingRatio level_;               // of values to the profile
  MovingRatio recent_;              // the same of the last while, whatever it was
  MovingRatio dispersion_;          // of squared deviations beyond those of chance to squared means
  std::unique_ptr<Season> season_;  // null: none is learned
  int learned_ = 0;                 // intervals, up to kWarmUpIntervals
};

// Level and dispersion of a ratio.
class RatioBaseline {
 public:
  using SampleType = RatioSample;

  explicit RatioBaseline(const Memory& memory);

  Judgement judge(absl::Time time, const RatioSample& sample) const;
  void learn(absl::Time time, const RatioSample& sample);
  void learn_anomalous(absl::Time time, const RatioSample& sample);
  void accept_new_level() { level_.replace(recent_.value()); }

 private:
  double expected(const RatioSample& sample) const;

  MovingRatio level_;  // of parts to trials
  MovingRatio recent_;
  MovingRatio dispersion_;  // of squared angles beyond those of chance
  int learned_ = 0;         // intervals with trials, up to kWarmUpIntervals
};

using Baseline = std::variant<CountBaseline, RatioBaseline>;

}  // namespace sluice::controlplane

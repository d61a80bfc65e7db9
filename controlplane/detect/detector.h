// SPDX-License-Identifier: Apache-2.0
//
// Finds when one series is not as usual.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "controlplane/detect/baseline.h"
#include "controlplane/detect/cusum.h"
#include "controlplane/detect/finding.h"
#include "controlplane/detect/moving_average.h"

namespace sluice::controlplane {

enum class Sides { kBoth, kUp, kDown };

// Units: intervals where nothing else is said. Chosen on the tuning seeds that
// tests/sim/detect_days_test.cc names; decision 0011 has the figures.
struct DetectorSettings {
  double slack = 0.5;        // standard deviations; shifts of twice that are found soonest
  double threshold = 12;     // of the cumulative sum, at which an anomaly begins
  double end_threshold = 4;  // at which it ends
  double ceiling = 15;       // the sum's
  int persistence = 240;     // after which an anomaly is the new level
  int gap_max = 30;          // that may be missing before what is under way is given up
  SeasonOf season = SeasonOf::kDay;
  Memory memory;
};

// A cumulative sum over standardised residuals of a baseline, with hysteresis. Residuals that
// wander add up to more than independent ones: how much more is learned from batches of them, and
// their unit is that much larger.
// Source: G. Münz, G. Carle, "Application of forecasting techniques and control charts for traffic
// anomaly detection", 19th ITC specialist seminar (2008), on charts of prediction errors;
// R. A. Johnson, M. Bagshaw, "The effect of serial correlation on the performance of CUSUM tests",
// Technometrics 16 (1974); B. Schmeiser, "Batch size effects in the analysis of simulation output",
// Operations Research 30 (1982).
class Detector {
 public:
  Detector(const DetectorSettings& settings, Baseline baseline, Sides sides);

  // The interval that ended at `time`. A deviation from a configured ratio never becomes the usual
  // level, and without trials nothing is judged. Times may stand still or jump either way: only the
  // season is taken from them.
  std::optional<Change> observe(absl::Time time, const Sample& sample);
  // Intervals in which the series was not seen.
  std::optional<Change> miss(int64_t intervals);

  std::optional<Direction> active() const { return active_; }
  // Of the threshold at which an anomaly begins: how far the series is.
  double score(Direction direction) const;
  // The last interval.
  const Point& point() const { return judgement_.point; }

 private:
  struct Episode {
    absl::Time since;
    double excess = 0;  // sum of value - expected
    int intervals = 0;
  };

  double standardised(double residual) const;
  void learn(absl::Time time, const Sample& sample);
  void follow(Direction direction);
  std::optional<Change> begin();
  std::optional<Change> go_on(absl::Time time, const Sample& sample);
  Change change(Edge edge) const;
  void forget();

  DetectorSettings settings_;
  Baseline baseline_;
  Sides sides_;
  MovingAverage residuals_;
  MovingRatio batch_;  // of squared sums of kBatch residuals to kBatch times their variance
  double batch_sum_ = 0;
  int batch_count_ = 0;
  int seen_ = 0;  // intervals, up to kWarmUpIntervals
  Cusum sums_;
  Episode rising_[2];  // since a sum left 0, by direction
  std::optional<Direction> active_;
  Judgement judgement_;
};

}  // namespace sluice::controlplane

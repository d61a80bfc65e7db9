// SPDX-License-Identifier: Apache-2.0
//
// Averages that forget.
#pragma once

#include <algorithm>

namespace sluice::controlplane {

// Exponentially weighted mean and variance. Until `memory` values are in, all weigh alike, so that
// the first one does not stand for all.
// Source: T. Finch, "Incremental calculation of weighted mean and variance", 2009, section 9.
class MovingAverage {
 public:
  // Units: values; the weight of a value falls by a factor e in that many. At least 1.
  explicit MovingAverage(double memory) : memory_(std::max(memory, 1.0)) {}

  void add(double value) {
    count_ = std::min(count_ + 1, memory_);
    const double weight = 1 / count_;
    const double step = value - mean_;
    mean_ += weight * step;
    variance_ = (1 - weight) * (variance_ + weight * step * step);
  }
  double mean() const { return mean_; }          // 0 before the first value
  double variance() const { return variance_; }  // of the population; 0 before the second value

 private:
  double memory_;
  double count_ = 0;
  double mean_ = 0;
  double variance_ = 0;
};

// The ratio of two exponentially weighted sums. An interval in which little is expected weighs
// little, which makes it the estimate of least variance for Poisson counts and for trials.
class MovingRatio {
 public:
  // Begins with `prior`, believed as much as `prior_whole` of the denominator.  Units: `memory` as
  // above.
  MovingRatio(double memory, double prior, double prior_whole)
      : keep_(1 - 1 / std::max(memory, 1.0)), part_(prior * prior_whole), whole_(prior_whole) {}
  // Begins with nothing.
  explicit MovingRatio(double memory) : MovingRatio(memory, 0, 0) {}

  void add(double part, double whole) {
    part_ = keep_ * part_ + part;
    whole_ = keep_ * whole_ + whole;
  }
  double value() const { return whole_ > kNothing ? part_ / whole_ : 0; }
  // Goes on with that value, as sure of it as of its own.
  void replace(double value) { part_ = value * whole_; }

 private:
  static constexpr double kNothing = 1e-9;  // what decay leaves of a sum that nothing was added to

  double keep_;
  double part_;
  double whole_;
};

}  // namespace sluice::controlplane

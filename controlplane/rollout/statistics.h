// SPDX-License-Identifier: Apache-2.0
//
// The distributions and the test that rollouts and share checks are judged by.
#pragma once

#include <cstdint>

namespace sluice::controlplane {

// Mean and variance of one value per client.
class Sample {
 public:
  void add(double value) {
    ++count_;
    const double step = value - mean_;
    mean_ += step / static_cast<double>(count_);
    squares_ += step * (value - mean_);
  }
  uint64_t count() const { return count_; }
  double mean() const { return mean_; }
  // Of the population, unbiased; 0 for fewer than two values.
  double variance() const { return count_ < 2 ? 0 : squares_ / static_cast<double>(count_ - 1); }

 private:
  uint64_t count_ = 0;
  double mean_ = 0;
  double squares_ = 0;
};

// What a test takes of a sample.
struct Moments {
  double mean = 0;
  double variance = 0;
  uint64_t count = 0;  // 0: the mean is known and not estimated
};

// The chance of a difference of means so far above `bound` if the true one is `bound`: Welch's
// one-sided t-test, which assumes no equal variances. 1 without a sample of two on the left.
double welch_p_value(const Moments& candidate, const Moments& stable, double bound);

// P(T > t) of Student's distribution with that many degrees of freedom.
double student_upper_tail(double t, double degrees);
// P(X > x) of the chi-squared distribution.
double chi_squared_upper_tail(double x, double degrees);

}  // namespace sluice::controlplane

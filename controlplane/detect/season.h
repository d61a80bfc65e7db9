// SPDX-License-Identifier: Apache-2.0
//
// What a series usually is at each time of the day.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

namespace sluice::controlplane {

// Mean value per interval in each quarter of an hour, learned over days. Days are those of UTC: a
// change to summer time moves the season by an hour, which the next days learn.
// Source: P. R. Winters, "Forecasting sales by exponentially weighted moving averages", Management
// Science 6 (1960): a factor per part of the season, smoothed from season to season.
class Season {
 public:
  static constexpr size_t kBuckets = 96;

  void add(absl::Time time, double value);
  // A whole day was seen, but for a few buckets.
  bool is_known() const { return known_ >= kBucketsKnown; }
  // Smoothed over neighbouring buckets, above 0. Only when `is_known`.
  double value(absl::Time time) const;

 private:
  static constexpr size_t kBucketsKnown = kBuckets - 6;
  static constexpr double kDaysRemembered = 4;

  void close_bucket();
  double smoothed(size_t bucket) const;

  std::array<float, kBuckets> means_{};
  std::array<uint8_t, kBuckets> days_{};  // that were learned, up to kDaysRemembered
  size_t known_ = 0;                      // buckets with at least one day
  double mean_of_known_ = 0;              // over buckets
  size_t bucket_ = 0;                     // that is being filled
  double sum_ = 0;
  int count_ = 0;
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What a series usually is at each time of the day.
#include "controlplane/detect/season.h"

#include <algorithm>
#include <cmath>

namespace sluice::controlplane {
namespace {

constexpr int kReach = 2;  // buckets on each side that a smoothed value is made of
// Of the day's mean: what is expected when the season says there never is anything.
constexpr double kLeast = 0.01;

// In buckets, from 0 up to but not including their number.
double position(absl::Time time) {
  const absl::Duration day = absl::Hours(24);
  absl::Duration rest;
  absl::IDivDuration(time - absl::UnixEpoch(), day, &rest);
  if (rest < absl::ZeroDuration()) rest += day;
  const double place = absl::FDivDuration(rest, day) * Season::kBuckets;
  return std::min(place, std::nextafter(double{Season::kBuckets}, 0.0));
}

}  // namespace

void Season::add(absl::Time time, double value) {
  const auto bucket = static_cast<size_t>(position(time));
  if (bucket != bucket_) close_bucket();
  bucket_ = bucket;
  sum_ += value;
  ++count_;
}

void Season::close_bucket() {
  if (count_ == 0) return;
  float& mean = means_[bucket_];
  uint8_t& days = days_[bucket_];
  if (days == 0) ++known_;
  days = static_cast<uint8_t>(std::min(days + 1.0, kDaysRemembered));
  mean += static_cast<float>((sum_ / count_ - mean) / days);
  sum_ = 0;
  count_ = 0;
  double total = 0;
  for (size_t i = 0; i < kBuckets; ++i)
    total += days_[i] > 0 ? means_[i] : 0;
  mean_of_known_ = total / static_cast<double>(known_);
}

double Season::smoothed(size_t bucket) const {
  double sum = 0;
  double weights = 0;
  for (int offset = -kReach; offset <= kReach; ++offset) {
    const size_t i = (bucket + kBuckets + static_cast<size_t>(offset + kReach) - kReach) % kBuckets;
    if (days_[i] == 0) continue;
    const double weight = kReach + 1 - std::abs(offset);
    sum += weight * means_[i];
    weights += weight;
  }
  return weights > 0 ? sum / weights : mean_of_known_;
}

double Season::value(absl::Time time) const {
  // A bucket's mean stands for its middle; between two middles lies what lies between.
  const double place = position(time) + kBuckets - 0.5;
  const double whole = std::floor(place);
  const auto left = static_cast<size_t>(whole) % kBuckets;
  const double share = place - whole;
  const double value = (1 - share) * smoothed(left) + share * smoothed((left + 1) % kBuckets);
  return std::max({value, kLeast * mean_of_known_, kLeast});
}

}  // namespace sluice::controlplane

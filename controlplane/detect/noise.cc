// SPDX-License-Identifier: Apache-2.0
//
// Scales on which the noise of counts and of ratios has the same size everywhere.
#include "controlplane/detect/noise.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sluice::controlplane {
namespace {

// Anscombe's constants: with 3/8 the variance is stable from means of about 1 on, and the mean of
// what is transformed is then that of 1/8.
constexpr double kAddedToValue = 3.0 / 8;
constexpr double kAddedToMean = 1.0 / 8;

double scaled(double events, double dispersion) {
  return 2 / std::sqrt(dispersion) * std::asinh(std::sqrt(dispersion * std::max(events, 0.0)));
}

double angle(double ratio) {
  return std::asin(std::sqrt(std::clamp(ratio, 0.0, 1.0)));
}

}  // namespace

double CountNoise::place(double value) const {
  return scaled(value / grain + kAddedToValue, dispersion);
}

double CountNoise::expected_place(double mean) const {
  return scaled(mean / grain + kAddedToMean, dispersion);
}

double CountNoise::mean_at(double place) const {
  const double root = std::sinh(std::max(place, 0.0) * std::sqrt(dispersion) / 2);
  return grain * std::max(root * root / dispersion - kAddedToMean, 0.0);
}

double CountNoise::deviation(double mean) const {
  return std::sqrt(std::max(grain * mean, grain * grain) + dispersion * mean * mean);
}

double RatioNoise::place(double ratio) const {
  return angle((ratio * trials + kAddedToValue) / (trials + 2 * kAddedToValue));
}

double RatioNoise::expected_place(double ratio) const {
  return angle((ratio * trials + kAddedToMean) / (trials + 2 * kAddedToMean));
}

double RatioNoise::mean_at(double place) const {
  const double root = std::sin(std::clamp(place, 0.0, std::numbers::pi / 2));
  const double part = root * root * (trials + 2 * kAddedToMean) - kAddedToMean;
  return std::clamp(part / trials, 0.0, 1.0);
}

double RatioNoise::deviation() const {
  return std::sqrt(1 / (4 * trials + 2) + dispersion);
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Finds when one series is not as usual.
#include "controlplane/detect/detector.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

namespace sluice::controlplane {
namespace {

// Of residuals; rare events have less than the 1 that their scale gives to frequent ones.
constexpr double kVarianceMin = 0.25;
constexpr int kBatch = 30;  // intervals: longer than traffic usually wanders one way
// What wandering traffic shows, believed until as many batches are in as make two hours.
constexpr double kInflationPrior = 4;
constexpr double kPriorBatches = 4;
// Of what is usual: a slow ramp must not teach that it is. Chance alone exceeds it once in 70.
constexpr double kBatchMax = 6;
constexpr std::array kDirections = {Direction::kUp, Direction::kDown};

// The sample as the kind that its baseline takes.
template <class OfSeries>
const typename OfSeries::SampleType& of_kind(const OfSeries&, const Sample& sample) {
  return std::get<typename OfSeries::SampleType>(sample);
}

bool says_something(const Sample& sample) {
  const auto* ratio = std::get_if<RatioSample>(&sample);
  return ratio == nullptr || ratio->trials > 0;
}

bool has_configured_level(const Sample& sample) {
  const auto* ratio = std::get_if<RatioSample>(&sample);
  return ratio != nullptr && ratio->configured.has_value();
}

bool looks(Sides sides, Direction direction) {
  return sides == Sides::kBoth || (sides == Sides::kUp) == (direction == Direction::kUp);
}

}  // namespace

Detector::Detector(const DetectorSettings& settings, Baseline baseline, Sides sides)
    : settings_(settings),
      baseline_(std::move(baseline)),
      sides_(sides),
      residuals_(settings.memory.of_noise),
      batch_(settings.memory.of_noise / kBatch, kInflationPrior, kPriorBatches),
      sums_(settings.slack, settings.ceiling) {}

double Detector::standardised(double residual) const {
  const double variance =
      std::max(residuals_.variance(), kVarianceMin) * std::max(batch_.value(), 1.0);
  const double unit = std::sqrt(variance);
  return std::clamp((residual - residuals_.mean()) / unit, -kResidualMax, kResidualMax);
}

double Detector::score(Direction direction) const {
  return looks(sides_, direction) ? sums_.sum(direction) / settings_.threshold : 0;
}

void Detector::learn(absl::Time time, const Sample& sample) {
  std::visit([&](auto& baseline) { baseline.learn(time, of_kind(baseline, sample)); }, baseline_);
  const double residual = std::clamp(judgement_.residual, -kResidualMax, kResidualMax);
  residuals_.add(residual);
  batch_sum_ += residual - residuals_.mean();
  if (++batch_count_ < kBatch) return;
  const double inflation =
      batch_sum_ * batch_sum_ / (kBatch * std::max(residuals_.variance(), kVarianceMin));
  batch_.add(std::min(inflation, kBatchMax * batch_.value()), 1);
  batch_sum_ = 0;
  batch_count_ = 0;
}

std::optional<Change> Detector::observe(absl::Time time, const Sample& sample) {
  if (!says_something(sample)) return std::nullopt;
  judgement_ = std::visit(
      [&](const auto& baseline) { return baseline.judge(time, of_kind(baseline, sample)); },
      baseline_);
  if (seen_ < kWarmUpIntervals) {
    ++seen_;
    learn(time, sample);
    return std::nullopt;
  }
  sums_.add(standardised(judgement_.residual));
  for (const Direction direction : kDirections)
    follow(direction);
  if (active_) return go_on(time, sample);
  if (std::optional<Change> begun = begin()) return begun;
  learn(time, sample);
  return std::nullopt;
}

void Detector::follow(Direction direction) {
  Episode& episode = rising_[static_cast<size_t>(direction)];
  if (sums_.sum(direction) <= 0 && active_ != direction) {
    episode = {};
    return;
  }
  if (episode.intervals == 0) episode.since = judgement_.point.time;
  ++episode.intervals;
  episode.excess += judgement_.point.value - judgement_.point.expected;
}

std::optional<Change> Detector::begin() {
  for (const Direction direction : kDirections) {
    if (!looks(sides_, direction) || sums_.sum(direction) < settings_.threshold) continue;
    active_ = direction;
    return change(Edge::kBegin);
  }
  return std::nullopt;
}

std::optional<Change> Detector::go_on(absl::Time time, const Sample& sample) {
  std::visit([&](auto& baseline) { baseline.learn_anomalous(time, of_kind(baseline, sample)); },
             baseline_);
  std::optional<Change> over;
  if (sums_.sum(*active_) <= settings_.end_threshold) {
    over = change(Edge::kEnd);
  } else if (rising_[static_cast<size_t>(*active_)].intervals >= settings_.persistence &&
             !has_configured_level(sample)) {
    over = change(Edge::kNewLevel);
    std::visit([](auto& baseline) { baseline.accept_new_level(); }, baseline_);
  }
  if (over) forget();
  return over;
}

Change Detector::change(Edge edge) const {
  const Episode& episode = rising_[static_cast<size_t>(*active_)];
  return {.edge = edge,
          .direction = *active_,
          .since = episode.since,
          .size = episode.excess / std::max(episode.intervals, 1)};
}

void Detector::forget() {
  active_.reset();
  sums_.reset();
  for (Episode& episode : rising_)
    episode = {};
}

std::optional<Change> Detector::miss(int64_t intervals) {
  if (intervals <= settings_.gap_max) return std::nullopt;
  std::optional<Change> lost;
  if (active_) lost = change(Edge::kLost);
  forget();
  seen_ = 0;
  return lost;
}

}  // namespace sluice::controlplane

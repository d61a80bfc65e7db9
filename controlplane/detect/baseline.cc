// SPDX-License-Identifier: Apache-2.0
//
// What a series usually is, learned from its past.
#include "controlplane/detect/baseline.h"

#include <algorithm>
#include <cmath>

#include "controlplane/detect/noise.h"

namespace sluice::controlplane {
namespace {

constexpr double kBand = 3;           // standard deviations on each side
constexpr double kLearnedMax = 3;     // what a level learns of one interval, likewise
constexpr double kRecentMemory = 15;  // intervals, of the level that an anomaly may end at

// Nobody wants to hear of less, however certain: 5 % of a count, half a point of a ratio of a half.
constexpr double kCountDispersionMin = 0.05 * 0.05;
constexpr double kRatioDispersionMin = 0.005 * 0.005;
// What varies by more than three times its mean is not told from what varies by that.
constexpr double kCountDispersionMax = 3 * 3;

// Finite and not negative, whatever a counter said.
double clean(double value) {
  return std::isfinite(value) ? std::max(value, 0.0) : 0;
}

double bounded_square(double deviation, double unit) {
  const double most = kResidualMax * unit;
  const double bounded = std::clamp(deviation, -most, most);
  return bounded * bounded;
}

CountNoise noise_of(const CountSample& sample, double dispersion) {
  return {.grain = sample.grain > 0 && std::isfinite(sample.grain) ? sample.grain : 1,
          .dispersion = std::clamp(dispersion, kCountDispersionMin, kCountDispersionMax)};
}

RatioNoise noise_of(const RatioSample& sample, double dispersion) {
  return {.trials = clean(sample.trials), .dispersion = std::max(dispersion, kRatioDispersionMin)};
}

RatioSample cleaned(const RatioSample& sample) {
  RatioSample result = sample;
  result.trials = clean(sample.trials);
  result.part = std::min(clean(sample.part), result.trials);
  if (result.configured && !std::isfinite(*result.configured)) result.configured.reset();
  return result;
}

}  // namespace

CountBaseline::CountBaseline(const Memory& memory, SeasonOf season)
    : memory_(memory),
      level_(memory.alone),
      recent_(kRecentMemory),
      dispersion_(memory.of_noise),
      season_(season == SeasonOf::kDay ? std::make_unique<Season>() : nullptr) {}

double CountBaseline::profile(absl::Time time) const {
  return season_ != nullptr && season_->is_known() ? season_->value(time) : 1;
}

Judgement CountBaseline::judge(absl::Time time, const CountSample& sample) const {
  const CountNoise noise = noise_of(sample, dispersion_.value());
  const double value = clean(sample.value);
  const double expected = level_.value() * profile(time);
  const double place = noise.expected_place(expected);
  return {.point = {.time = time,
                    .value = value,
                    .expected = expected,
                    .low = noise.mean_at(place - kBand),
                    .high = noise.mean_at(place + kBand)},
          .residual = noise.place(value) - place};
}

// The value, taken no further from what is expected than usual noise could.
double CountBaseline::bounded(const Point& point, const CountSample& sample) const {
  const CountNoise noise = noise_of(sample, dispersion_.value());
  const double most = kLearnedMax * noise.deviation(point.expected);
  return std::clamp(point.value, std::max(point.expected - most, 0.0), point.expected + most);
}

void CountBaseline::learn(absl::Time time, const CountSample& sample) {
  const Point judged = judge(time, sample).point;
  const CountNoise noise = noise_of(sample, dispersion_.value());
  const double learned = learned_ < kWarmUpIntervals ? judged.value : bounded(judged, sample);
  learned_ = std::min(learned_ + 1, kWarmUpIntervals);

  const double factor = profile(time);
  const double square =
      bounded_square(judged.value - judged.expected, noise.deviation(judged.expected));
  dispersion_.add(square - noise.grain * judged.expected, judged.expected * judged.expected);
  level_.add(learned, factor);
  recent_.add(judged.value, factor);
  learn_season(time, learned);
}

void CountBaseline::learn_season(absl::Time time, double value) {
  if (season_ == nullptr) return;
  const bool was_known = season_->is_known();
  season_->add(time, value);
  if (was_known || !season_->is_known()) return;
  // The level was a value, and is a factor of the season from now on.
  const double expected = season_->value(time);
  level_ = MovingRatio(memory_.in_season, 1, expected * memory_.alone);
  recent_ = MovingRatio(kRecentMemory, 1, expected);
}

void CountBaseline::learn_anomalous(absl::Time time, const CountSample& sample) {
  const Point judged = judge(time, sample).point;
  recent_.add(judged.value, profile(time));
  // The first day has nothing to bound it by. What comes back every day becomes the season.
  const bool is_known = season_ != nullptr && season_->is_known();
  learn_season(time, is_known ? bounded(judged, sample) : judged.value);
}

RatioBaseline::RatioBaseline(const Memory& memory)
    : level_(memory.of_ratio), recent_(kRecentMemory), dispersion_(memory.of_noise) {}

double RatioBaseline::expected(const RatioSample& sample) const {
  return std::clamp(sample.configured.value_or(level_.value()), 0.0, 1.0);
}

Judgement RatioBaseline::judge(absl::Time time, const RatioSample& raw) const {
  const RatioSample sample = cleaned(raw);
  const double usual = expected(sample);
  if (sample.trials <= 0)
    return {.point = {.time = time, .value = usual, .expected = usual, .low = 0, .high = 1}};
  const RatioNoise noise = noise_of(sample, dispersion_.value());
  const double value = sample.part / sample.trials;
  const double place = noise.expected_place(usual);
  const double residual = (noise.place(value) - place) / noise.deviation();
  return {.point = {.time = time,
                    .value = value,
                    .expected = usual,
                    .low = noise.mean_at(place - kBand * noise.deviation()),
                    .high = noise.mean_at(place + kBand * noise.deviation())},
          .residual = residual};
}

void RatioBaseline::learn(absl::Time, const RatioSample& raw) {
  const RatioSample sample = cleaned(raw);
  if (sample.trials <= 0) return;
  const RatioNoise noise = noise_of(sample, dispersion_.value());
  const double usual = expected(sample);
  const double value = sample.part / sample.trials;
  const double deviation = noise.place(value) - noise.expected_place(usual);
  const double chance = 1 / (4 * sample.trials + 2);
  // Few trials say little of the dispersion, and so many that chance is the lesser part no more.
  const double weight = std::min(chance, noise.dispersion) / chance;
  dispersion_.add(weight * (bounded_square(deviation, noise.deviation()) - chance), weight);

  const double place = noise.expected_place(usual);
  const double most = kLearnedMax * noise.deviation();
  const double learned =
      learned_ < kWarmUpIntervals
          ? value
          : std::clamp(value, noise.mean_at(place - most), noise.mean_at(place + most));
  learned_ = std::min(learned_ + 1, kWarmUpIntervals);
  level_.add(learned * sample.trials, sample.trials);
  recent_.add(sample.part, sample.trials);
}

void RatioBaseline::learn_anomalous(absl::Time, const RatioSample& raw) {
  const RatioSample sample = cleaned(raw);
  recent_.add(sample.part, sample.trials);
}

}  // namespace sluice::controlplane

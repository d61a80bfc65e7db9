// SPDX-License-Identifier: Apache-2.0
//
// One metric of one subject: its detector and its last intervals.
#include "controlplane/detect/series.h"

namespace sluice::controlplane {
namespace {

// Better than usual is no anomaly where one side is good.
std::variant<Detector, SynFlood> detector_of(Metric metric, const DetectorSettings& settings) {
  switch (metric) {
    case Metric::kNewFlows:
    case Metric::kBytes:
    case Metric::kConcurrentFlows:
      return Detector(settings, CountBaseline(settings.memory, settings.season), Sides::kBoth);
    case Metric::kHandshakes:
      return Detector(settings, RatioBaseline(settings.memory), Sides::kDown);
    case Metric::kShare:
      return Detector(settings, RatioBaseline(settings.memory), Sides::kBoth);
    case Metric::kResets:
    case Metric::kRefusals:
    case Metric::kTopClientShare:
      return Detector(settings, RatioBaseline(settings.memory), Sides::kUp);
    case Metric::kSynFlood:
      break;
  }
  return SynFlood(settings.gap_max);
}

}  // namespace

Series::Series(Metric metric, const DetectorSettings& settings)
    : detector_(detector_of(metric, settings)) {}

std::optional<Change> Series::observe(int64_t number, absl::Time time, const Sample& sample) {
  last_number_ = number;
  std::optional<Change> change;
  if (auto* detector = std::get_if<Detector>(&detector_)) {
    change = detector->observe(time, sample);
  } else {
    change = std::get<SynFlood>(detector_).observe(time, std::get<RatioSample>(sample));
  }
  const Point& point =
      std::visit([](const auto& any) -> const Point& { return any.point(); }, detector_);
  if (point.time == time) recent_.push_back(point);  // else the sample said nothing
  if (recent_.size() > kRecentMax) recent_.pop_front();
  return change;
}

std::optional<Change> Series::look(int64_t number) {
  const int64_t missed = number - last_number_ - 1;
  return std::visit([&](auto& any) { return any.miss(missed); }, detector_);
}

std::optional<Direction> Series::active() const {
  return std::visit([](const auto& any) { return any.active(); }, detector_);
}

double Series::score(Direction direction) const {
  return std::visit([&](const auto& any) { return any.score(direction); }, detector_);
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// One metric of one subject: its detector and its last intervals.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/detect/detector.h"
#include "controlplane/detect/finding.h"
#include "controlplane/detect/syn_flood.h"

namespace sluice::controlplane {

class Series {
 public:
  static constexpr size_t kRecentMax = 60;  // intervals kept as evidence

  Series(Metric metric, const DetectorSettings& settings);

  // Interval `number`, which ended at `time`. Numbers grow; those left out were missed.
  // Shape: the sample is of the metric's kind.
  std::optional<Change> observe(int64_t number, absl::Time time, const Sample& sample);
  // It is now `number`, and the series was not seen. An anomaly that is under way may be lost by
  // it.
  std::optional<Change> look(int64_t number);

  std::optional<Direction> active() const;
  double score(Direction direction) const;
  std::vector<Point> recent() const { return {recent_.begin(), recent_.end()}; }

 private:
  std::variant<Detector, SynFlood> detector_;
  std::deque<Point> recent_;
  int64_t last_number_ = 0;
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Many SYNs of which few complete: a flood, and no rush of clients.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "controlplane/detect/baseline.h"
#include "controlplane/detect/cusum.h"
#include "controlplane/detect/finding.h"
#include "controlplane/detect/moving_average.h"

namespace sluice::controlplane {

// A cumulative sum of the SYNs beyond both what completed and what usually completes, in units of
// the larger. A rush completes and adds nothing; backends that answer nobody add nothing either: no
// more SYNs than usual come. A flood never becomes usual.
// Source: H. Wang, D. Zhang, K. G. Shin, "Detecting SYN flooding attacks", INFOCOM 2002, with
// completed handshakes, which a balancer sees, in the place of FINs.
class SynFlood {
 public:
  explicit SynFlood(int gap_max) : gap_max_(gap_max) {}

  // Shape: the trials are SYNs, the part those of them that completed.
  std::optional<Change> observe(absl::Time time, const RatioSample& sample);
  // Intervals in which the series was not seen.
  std::optional<Change> miss(int64_t intervals);

  std::optional<Direction> active() const {
    return is_active_ ? std::optional(Direction::kUp) : std::nullopt;
  }
  // Of the threshold at which a flood begins; none comes down.
  double score(Direction direction) const;
  // The last interval, in SYNs.
  const Point& point() const { return point_; }

 private:
  Change change(Edge edge) const;

  // Of Wang et al.; they hold for every network, since the sum is in units of its own traffic.
  static constexpr double kSlack = 0.35;
  static constexpr double kThreshold = 1.05;
  static constexpr double kUsualMemory = 30;  // intervals

  int gap_max_;
  bool is_active_ = false;
  MovingAverage completed_{kUsualMemory};
  Cusum sum_{kSlack, 2 * kThreshold};
  absl::Time since_;   // the sum left 0
  double excess_ = 0;  // SYNs since then
  int intervals_ = 0;
  Point point_;
};

}  // namespace sluice::controlplane

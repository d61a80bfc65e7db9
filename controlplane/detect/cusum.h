// SPDX-License-Identifier: Apache-2.0
//
// Cumulative sums: they find a small shift that lasts as well as a large one that does not.
#pragma once

#include <algorithm>

namespace sluice::controlplane {

enum class Direction { kUp, kDown };

// Two sums that grow with what deviates by more than `slack` and never fall below 0.
// Units: standard deviations of the residuals that are added.
// Source: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954).
class Cusum {
 public:
  // `slack` is half of the smallest shift that is to be found. The sums stop at `ceiling`, which
  // bounds how long they need to fall.
  Cusum(double slack, double ceiling) : slack_(slack), ceiling_(ceiling) {}

  void add(double residual) {
    up_ = std::clamp(up_ + residual - slack_, 0.0, ceiling_);
    down_ = std::clamp(down_ - residual - slack_, 0.0, ceiling_);
  }
  double sum(Direction direction) const { return direction == Direction::kUp ? up_ : down_; }
  void reset() { up_ = down_ = 0; }

 private:
  double slack_;
  double ceiling_;
  double up_ = 0;
  double down_ = 0;
};

}  // namespace sluice::controlplane

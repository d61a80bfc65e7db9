// SPDX-License-Identifier: Apache-2.0
//
// Many SYNs of which few complete: a flood, and no rush of clients.
#include "controlplane/detect/syn_flood.h"

#include <algorithm>

namespace sluice::controlplane {
namespace {

// Where less completes per interval, a few stray SYNs would be a multiple of what is usual.
constexpr double kUsualMin = 30;

}  // namespace

std::optional<Change> SynFlood::observe(absl::Time time, const RatioSample& sample) {
  const double completed = std::clamp(sample.part, 0.0, std::max(sample.trials, 0.0));
  const double usual = std::max(completed_.mean(), kUsualMin);
  const double explained = std::max(completed, usual);
  point_ = {.time = time,
            .value = sample.trials,
            .expected = usual,
            .low = 0,
            .high = explained * (1 + kSlack)};
  sum_.add(std::max(sample.trials - explained, 0.0) / explained);
  completed_.add(completed);

  const double sum = sum_.sum(Direction::kUp);
  if (sum > 0) {
    if (intervals_ == 0) since_ = time;
    ++intervals_;
    excess_ += sample.trials - explained;
  }
  std::optional<Change> changed;
  if (!is_active_ && sum > kThreshold) changed = change(Edge::kBegin);
  if (is_active_ && sum <= 0) changed = change(Edge::kEnd);
  is_active_ = is_active_ ? sum > 0 : sum > kThreshold;
  if (sum <= 0) {
    intervals_ = 0;
    excess_ = 0;
  }
  return changed;
}

std::optional<Change> SynFlood::miss(int64_t intervals) {
  if (intervals <= gap_max_) return std::nullopt;
  std::optional<Change> lost;
  if (is_active_) lost = change(Edge::kLost);
  is_active_ = false;
  sum_.reset();
  intervals_ = 0;
  excess_ = 0;
  return lost;
}

double SynFlood::score(Direction direction) const {
  return direction == Direction::kUp ? sum_.sum(direction) / kThreshold : 0;
}

Change SynFlood::change(Edge edge) const {
  return {.edge = edge,
          .direction = Direction::kUp,
          .since = since_,
          .size = excess_ / std::max(intervals_, 1)};
}

}  // namespace sluice::controlplane

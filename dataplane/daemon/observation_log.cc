// SPDX-License-Identifier: Apache-2.0
//
// Keeping the newest.
#include "dataplane/daemon/observation_log.h"

#include <algorithm>

namespace sluice::dataplane {
namespace {

constexpr size_t kTakenPerTurn = 4096;

}  // namespace

size_t ObservationLog::take_from(Cores& cores) {
  taken_.resize(kTakenPerTurn);
  const size_t count = cores.take_observations(taken_);
  if (count == 0) return 0;
  const std::lock_guard lock(mutex_);
  events_.insert(events_.end(), taken_.begin(), taken_.begin() + static_cast<ptrdiff_t>(count));
  next_sequence_ += count;
  const size_t surplus = events_.size() - std::min(events_.size(), kept_);
  events_.erase(events_.begin(), events_.begin() + static_cast<ptrdiff_t>(surplus));
  return count;
}

ObservationLog::Page ObservationLog::after(uint64_t sequence, size_t limit) const {
  const std::lock_guard lock(mutex_);
  const uint64_t oldest = next_sequence_ - events_.size();
  const uint64_t first = std::clamp(sequence, oldest - 1, next_sequence_ - 1) + 1;
  const size_t count = std::min<size_t>(limit, next_sequence_ - first);
  const auto begin = events_.begin() + static_cast<ptrdiff_t>(first - oldest);
  return {first, {begin, begin + static_cast<ptrdiff_t>(count)}};
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// The most frequent keys of a stream, in bounded memory.
#include "controlplane/detect/space_saving.h"

#include <algorithm>

namespace sluice::controlplane {

SpaceSaving::SpaceSaving(size_t capacity) : capacity_(std::max<size_t>(capacity, 1)) {}

void SpaceSaving::add(const std::string& key, uint64_t count) {
  if (count == 0) return;
  total_ += count;
  Counted next;
  if (const auto found = counted_.find(key); found != counted_.end()) {
    next = found->second;
    by_count_.erase({next.count, key});
  } else if (counted_.size() == capacity_) {
    const auto least = by_count_.begin();
    next = {.count = least->first, .error = least->first};
    counted_.erase(least->second);
    by_count_.erase(least);
  }
  next.count += count;
  counted_[key] = next;
  by_count_.emplace(next.count, key);
}

std::vector<HeavyHitter> SpaceSaving::top(size_t limit) const {
  std::vector<HeavyHitter> hitters;
  hitters.reserve(counted_.size());
  for (const auto& [key, counted] : counted_)
    hitters.push_back({key, counted.count, counted.error});
  std::sort(hitters.begin(), hitters.end(), [](const HeavyHitter& a, const HeavyHitter& b) {
    return a.count != b.count ? a.count > b.count : a.key < b.key;
  });
  hitters.resize(std::min(limit, hitters.size()));
  return hitters;
}

void SpaceSaving::clear() {
  total_ = 0;
  counted_.clear();
  by_count_.clear();
}

}  // namespace sluice::controlplane

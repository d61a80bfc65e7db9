// SPDX-License-Identifier: Apache-2.0
//
// The most frequent keys of a stream, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace sluice::controlplane {

// The key's true count lies in [count - error, count].
struct HeavyHitter {
  std::string key;
  uint64_t count = 0;
  uint64_t error = 0;

  uint64_t guaranteed() const { return count - error; }
};

// Counts `capacity` keys. One that is not counted takes the place of the least one and its count,
// which is its error. Every key with more than total / capacity is among those counted, and no
// error is larger than that.
// Cost: the logarithm of the capacity per key.  Thread: one at a time.
// Source: A. Metwally, D. Agrawal, A. El Abbadi, "Efficient computation of frequent and top-k
// elements in data streams", ICDT 2005, section 3.
class SpaceSaving {
 public:
  explicit SpaceSaving(size_t capacity);  // at least 1

  void add(const std::string& key, uint64_t count = 1);
  uint64_t total() const { return total_; }
  // At most `limit`, by count, the largest first; equal ones by key.
  std::vector<HeavyHitter> top(size_t limit) const;
  void clear();

 private:
  struct Counted {
    uint64_t count = 0;
    uint64_t error = 0;
  };

  size_t capacity_;
  uint64_t total_ = 0;
  absl::flat_hash_map<std::string, Counted> counted_;
  std::set<std::pair<uint64_t, std::string>> by_count_;  // as in `counted_`
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// A limit on how often something is done.
#pragma once

#include <algorithm>
#include <cstdint>

namespace sluice::dataplane {

// Refills evenly; holds what one second refills.
class TokenBucket {
 public:
  explicit constexpr TokenBucket(uint64_t per_second) noexcept
      : period_ns_(kSecondNs / per_second) {}

  // False when nothing is left.  Units: `now_ns` never goes back.
  [[nodiscard]] bool take(uint64_t now_ns) noexcept {
    const uint64_t earliest = now_ns > kSecondNs ? now_ns - kSecondNs : 0;
    const uint64_t next = std::max(spent_until_ns_, earliest) + period_ns_;
    if (next > now_ns) return false;
    spent_until_ns_ = next;
    return true;
  }

 private:
  static constexpr uint64_t kSecondNs = 1'000'000'000;
  uint64_t period_ns_;
  uint64_t spent_until_ns_ = 0;  // every token before this time is used
};

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Counts durations so finely that a percentile is off by at most one part in 64.
//
// Every power of two is divided into 64 equal parts; below 128 each value has its own.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace sluice::bench {

// Units: any; the same for `add` and for what comes back.
class LatencyHistogram {
 public:
  void add(uint64_t value) noexcept { ++counts_[part_of(value)]; }

  uint64_t count() const noexcept {
    return std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});
  }

  // The least value that `share` (0..1) of all do not exceed, by nearest rank; 0 without any.
  uint64_t percentile(double share) const noexcept {
    const auto rank = static_cast<uint64_t>(std::ceil(share * static_cast<double>(count())));
    uint64_t seen = 0;
    for (size_t part = 0; part < counts_.size(); ++part) {
      seen += counts_[part];
      if (seen != 0 && seen >= rank) return last_of(part);
    }
    return 0;
  }

 private:
  static constexpr unsigned kPartBits = 6;
  static constexpr size_t kParts = size_t{1} << kPartBits;

  static constexpr size_t part_of(uint64_t value) noexcept {
    if (value < 2 * kParts) return value;
    const unsigned shift = static_cast<unsigned>(std::bit_width(value)) - kPartBits - 1;
    return shift * kParts + (value >> shift);
  }
  static constexpr uint64_t last_of(size_t part) noexcept {
    if (part < 2 * kParts) return part;
    const size_t shift = part / kParts - 1;
    return ((part - shift * kParts + 1) << shift) - 1;
  }

  std::array<uint64_t, (64 - kPartBits + 1) * kParts> counts_{};
};

}  // namespace sluice::bench

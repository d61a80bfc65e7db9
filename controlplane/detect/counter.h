// SPDX-License-Identifier: Apache-2.0
//
// From counters that only grow, and begin anew when their node does, to what an interval added.
#pragma once

#include <cstdint>
#include <optional>

namespace sluice::controlplane {

class CounterStep {
 public:
  // What was added since the last value. A smaller value is that of a counter that began anew: all
  // of it was added since. Unset: the first value, which no interval is known of.
  std::optional<uint64_t> step(uint64_t value) {
    const std::optional<uint64_t> last = last_;
    last_ = value;
    if (!last) return std::nullopt;
    return value >= *last ? value - *last : value;
  }

 private:
  std::optional<uint64_t> last_;
};

}  // namespace sluice::controlplane

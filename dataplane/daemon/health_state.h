// SPDX-License-Identifier: Apache-2.0
//
// What the results of probes say about one backend: how many in a row it takes to believe them.
#pragma once

#include <cstdint>

namespace sluice::dataplane {

// kUnknown: never probed often enough. It counts as down, but is asked about at the fast interval.
enum class Health : uint8_t { kUnknown, kUp, kDown };
enum class ProbeResult : uint8_t { kSuccess, kFailure };

struct HealthThresholds {
  uint32_t rise = 2;  // successes in a row until up; at least 1
  uint32_t fall = 3;  // failures in a row until down; at least 1
};

class HealthState {
 public:
  explicit HealthState(Health last_known = Health::kUnknown) : health_(last_known) {}

  // True when `health` changed.
  bool observe(ProbeResult result, const HealthThresholds& thresholds) noexcept;

  Health health() const noexcept { return health_; }
  // The last probe contradicts the state, or there is none yet: the next probe comes soon.
  bool is_in_doubt() const noexcept { return health_ == Health::kUnknown || contradictions_ > 0; }

 private:
  Health health_;
  uint32_t contradictions_ = 0;  // results in a row that speak against the state
  ProbeResult last_ = ProbeResult::kFailure;
};

}  // namespace sluice::dataplane

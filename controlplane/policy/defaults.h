// SPDX-License-Identifier: Apache-2.0
//
// What unset fields of a policy mean, as policy.proto says.
#pragma once

#include <algorithm>
#include <cstdint>

#include "google/protobuf/duration.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

inline constexpr uint32_t kTableSlotsDefault = 65'537;
inline constexpr uint32_t kMinUpDefault = 1;
inline constexpr uint32_t kBackendWeightDefault = 1;
inline constexpr uint32_t kRiseDefault = 2;
inline constexpr uint32_t kFallDefault = 3;
inline constexpr uint32_t kStatusDefault = 200;
inline constexpr int64_t kIntervalDefaultNs = 1'000'000'000;
inline constexpr int64_t kFastIntervalDefaultNs = 200'000'000;
inline constexpr int64_t kTimeoutDefaultNs = 300'000'000;

inline constexpr int64_t kSecondNs = 1'000'000'000;
inline constexpr int64_t kDegradedWindowDefaultNs = 30 * kSecondNs;
inline constexpr uint64_t kDegradedFlowsDefault = 50;
inline constexpr int64_t kAnalysisWindowDefaultNs = 30 * kSecondNs;
inline constexpr int64_t kAnalysisAgeDefaultNs = 3 * kSecondNs;

inline int64_t to_nanoseconds(const google::protobuf::Duration& duration) {
  return duration.seconds() * 1'000'000'000 + duration.nanos();
}

inline int64_t interval_ns(const v1::HealthCheck& health) {
  return health.has_interval() ? to_nanoseconds(health.interval()) : kIntervalDefaultNs;
}

// Probing in doubt is never slower than without doubt.
inline int64_t fast_interval_ns(const v1::HealthCheck& health) {
  if (health.has_fast_interval()) return to_nanoseconds(health.fast_interval());
  return std::min(kFastIntervalDefaultNs, interval_ns(health));
}

inline uint32_t table_slots(const v1::PoolSpec& pool) {
  return pool.has_table_slots() ? pool.table_slots() : kTableSlotsDefault;
}

inline uint32_t min_up(const v1::PoolSpec& pool) {
  return pool.has_min_up() ? pool.min_up() : kMinUpDefault;
}

inline uint32_t weight_of(const v1::Backend& backend) {
  return backend.has_weight() ? backend.weight() : kBackendWeightDefault;
}

// The age at which flows of the rollout are judged.
inline int64_t analysis_age_ns(const v1::RolloutSpec& rollout) {
  return rollout.analysis().has_age() ? to_nanoseconds(rollout.analysis().age())
                                      : kAnalysisAgeDefaultNs;
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The clock of an lcore: one reading per turn.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

inline uint64_t read_clock(clockid_t clock) noexcept {
  constexpr uint64_t kNsPerSecond = 1'000'000'000;
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<uint64_t>(time.tv_sec) * kNsPerSecond + static_cast<uint64_t>(time.tv_nsec);
}

inline void rest(std::chrono::nanoseconds time) noexcept {
  constexpr long kNsPerSecondSigned = 1'000'000'000;
  const timespec duration{.tv_sec = time.count() / kNsPerSecondSigned,
                          .tv_nsec = time.count() % kNsPerSecondSigned};
  nanosleep(&duration, nullptr);
}

// The distance to the wall clock is measured anew now and then, because
// somebody may set it, and held while it moves by less than `kOffsetSteadyNs`, so that the records
// of a flow's start and end agree on when it started.
class TurnClock {
 public:
  void tick(CoreContext& core) noexcept {
    core.now_ns = read_clock(CLOCK_MONOTONIC);
    if (core.now_ns - measured_ns_ < kMeasurePeriodNs) return;
    measured_ns_ = core.now_ns;
    const uint64_t offset = read_clock(CLOCK_REALTIME) - core.now_ns;
    const uint64_t moved = offset - core.realtime_offset_ns + kOffsetSteadyNs;
    if (moved > 2 * kOffsetSteadyNs) core.realtime_offset_ns = offset;
  }

 private:
  static constexpr uint64_t kMeasurePeriodNs = 1'000'000'000;
  static constexpr uint64_t kOffsetSteadyNs = 10'000'000;
  uint64_t measured_ns_ = 0;
};

}  // namespace sluice::dataplane

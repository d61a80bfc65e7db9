// SPDX-License-Identifier: Apache-2.0
//
// Counts calls of which only some are told.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace sluice::controlplane {

// Thread: any.
class CallMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // Often enough to be noticed while it goes on, and 9,000 lines a day.
  static constexpr std::chrono::seconds kPause{10};

  // One more call. How many there were since one was told last when this one is to be told; 0: it
  // is not.
  uint64_t take(Time now) {
    const absl::MutexLock lock(&mutex_);
    ++untold_;
    if (told_ && now < *told_ + kPause) return 0;
    told_ = now;
    return std::exchange(untold_, 0);
  }

 private:
  absl::Mutex mutex_;
  uint64_t untold_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<Time> told_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::controlplane

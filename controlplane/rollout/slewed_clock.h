// SPDX-License-Identifier: Apache-2.0
//
// The wall clock without its jumps: what is given for a time is given for real time.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace sluice::controlplane {

// Runs with the steady clock and follows the wall clock by at most a tenth faster or slower.
// Thread: any.
class SlewedClock {
 public:
  explicit SlewedClock(absl::Time start = absl::Now()) : now_(start) {}

  absl::Time now() {
    const absl::MutexLock lock(&mutex_);
    const auto steady = std::chrono::steady_clock::now();
    const absl::Duration elapsed = absl::FromChrono(steady - last_steady_);
    last_steady_ = steady;
    now_ = follow(now_, elapsed, absl::Now());
    return now_;
  }

  // What is shown `elapsed` of real time after `shown`, when the wall clock says `wall`.
  static absl::Time follow(absl::Time shown, absl::Duration elapsed, absl::Time wall) {
    const absl::Time steady = shown + elapsed;
    const absl::Duration slew = elapsed / 10;
    return std::clamp(wall, steady - slew, steady + slew);
  }

 private:
  absl::Mutex mutex_;
  std::chrono::steady_clock::time_point last_steady_ ABSL_GUARDED_BY(mutex_) =
      std::chrono::steady_clock::now();
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
};

using Clock = std::function<absl::Time()>;

inline Clock slewed_clock() {
  return [clock = std::make_shared<SlewedClock>()] { return clock->now(); };
}

}  // namespace sluice::controlplane

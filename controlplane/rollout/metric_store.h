// SPDX-License-Identifier: Apache-2.0
//
// The last value of each metric of each rollout, pushed or asked for.
#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "controlplane/rollout/analysis.h"

namespace sluice::controlplane {

// Thread: any.
class MetricStore {
 public:
  void set(const std::string& rollout, const std::string& metric, double value, absl::Time time) {
    const absl::MutexLock lock(&mutex_);
    readings_[rollout][metric] = {value, time, ""};
  }
  // The last value stays, until it is too old.
  void set_error(const std::string& rollout, const std::string& metric, std::string error) {
    const absl::MutexLock lock(&mutex_);
    readings_[rollout][metric].error = std::move(error);
  }
  MetricReadings of(const std::string& rollout) const {
    const absl::MutexLock lock(&mutex_);
    const auto found = readings_.find(rollout);
    return found == readings_.end() ? MetricReadings() : found->second;
  }

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, MetricReadings> readings_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Asks Prometheus for the metrics of rollouts, apart from the runner: a server that hangs holds up
// nobody.
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/rollout/metric_store.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// A thread asks every query of every rollout once per interval.
class MetricPoller {
 public:
  struct Ports {
    std::function<std::shared_ptr<const v1::Policy>()> policy;
    std::function<absl::Time()> clock;  // as the runner's
  };
  MetricPoller(Ports ports, MetricStore& metrics) : ports_(std::move(ports)), metrics_(metrics) {}
  ~MetricPoller() { stop(); }

  void start(absl::Duration interval);
  void stop();
  // Asks them all once.
  void poll();

 private:
  bool is_stopping() const;

  const Ports ports_;
  MetricStore& metrics_;
  std::thread thread_;
  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Asks Prometheus for the metrics of rollouts, apart from the runner: a server that hangs holds up
// nobody.
#include "controlplane/rollout/metric_poller.h"

#include "controlplane/rollout/prometheus.h"

namespace sluice::controlplane {
namespace {

constexpr absl::Duration kQueryTimeout = absl::Seconds(2);

}  // namespace

void MetricPoller::start(absl::Duration interval) {
  thread_ = std::thread([this, interval] {
    for (;;) {
      poll();
      const absl::MutexLock lock(&mutex_);
      if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), interval)) return;
    }
  });
}

void MetricPoller::stop() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

bool MetricPoller::is_stopping() const {
  const absl::MutexLock lock(&mutex_);
  return stopping_;
}

void MetricPoller::poll() {
  const std::shared_ptr<const v1::Policy> policy = ports_.policy();
  for (const v1::Rollout& rollout : policy->rollouts()) {
    for (const v1::RolloutMetric& metric : rollout.spec().analysis().metrics()) {
      if (!metric.has_prometheus()) continue;
      if (is_stopping()) return;
      const absl::StatusOr<double> value = ask_prometheus(metric.prometheus(), kQueryTimeout);
      if (value.ok()) {
        metrics_.set(rollout.metadata().name(), metric.name(), *value, ports_.clock());
      } else {
        metrics_.set_error(rollout.metadata().name(), metric.name(),
                           std::string(value.status().message()));
      }
    }
  }
}

}  // namespace sluice::controlplane

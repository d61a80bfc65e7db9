// SPDX-License-Identifier: Apache-2.0
//
// The runner of rollouts and the poller of their metrics, wired to fleet and change service.
#pragma once

#include <functional>

#include "controlplane/fleet/observation_puller.h"
#include "controlplane/rollout/metric_poller.h"
#include "controlplane/rollout/runner.h"
#include "controlplane/rollout/slewed_clock.h"
#include "controlplane/service/change_service.h"

namespace sluice::controlplane {

// Ends its threads before its parts go.
class RolloutEngine {
 public:
  // `emit` is told of each step that is refused; it is called from any thread, one at a time.
  RolloutEngine(ChangeService& changes, const Fleet& fleet, std::function<void(v1::Event)> emit);

  void start();
  void stop();
  RolloutRunner& runner() { return runner_; }

 private:
  RolloutPorts ports(ChangeService& changes, const Fleet& fleet,
                     std::function<void(v1::Event)> emit);

  SlewedClock clock_;
  ObservationPuller observations_;
  MetricStore metrics_;
  MetricPoller poller_;
  RolloutRunner runner_;
};

}  // namespace sluice::controlplane

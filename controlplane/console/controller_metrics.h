// SPDX-License-Identifier: Apache-2.0
//
// The controller's /metrics.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "controlplane/console/flow_statistics.h"
#include "controlplane/detect/patterns.h"
#include "dataplane/metrics/metric_page.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// How the controller is at one moment.
struct ControllerState {
  std::string version;
  uint64_t revision = 0;
  uint64_t generation = 0;
  std::span<const v1::NodeEntry> nodes;
  const v1::Policy* policy = nullptr;  // null: none yet
  std::span<const v1::RolloutStatus> rollouts;
  std::span<const v1::Override> overrides;
  std::span<const SeriesScore> patterns;
};

// Labels are bounded by the policy and the nodes.
MetricFamilies controller_metrics(const ControllerState& state, const FlowStatistics& flows);

}  // namespace sluice::controlplane

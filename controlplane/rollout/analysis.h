// SPDX-License-Identifier: Apache-2.0
//
// Whether a rollout's candidate does as well as the stable pool, by what layer 4 sees of both, its
// health and its metrics.
//
// Flows that opened in the window are compared at equal age, and clients are compared, not flows:
// each client gives one value per check, so that many flows behind one gateway count once.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "controlplane/rollout/observation_window.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// A value of a metric and when it was so.
struct MetricReading {
  double value = 0;
  absl::Time time = absl::InfinitePast();
  std::string error;  // why there is no newer one; empty: nothing is known to be wrong
};
using MetricReadings = std::map<std::string, MetricReading>;  // by the metric's name

struct AnalysisInput {
  absl::Time now;
  const v1::RolloutAnalysis& spec;
  const v1::RolloutStatus& status;  // its verdict is the last one
  const std::deque<ObservedFlow>& flows;
  bool sees_flows = true;   // false for a service of UDP alone: nothing of its flows is visible
  v1::RolloutCheck health;  // of the candidate: `min_up`
  const MetricReadings& metrics;
};

// FAIL when any check fails, NO_DATA when one that counts has no data or there is none at all.
// `p_value` of each check is already multiplied by the number of checks that are tested.
v1::RolloutVerdict analyse(const AnalysisInput& input);

// The settings with every default written out.
struct AnalysisSettings {
  absl::Duration window;
  absl::Duration age;
  double max_excess = 0;  // of a share
  double slower_by = 0;   // 1.0: twice as long
  uint64_t min_clients = 0;
};
AnalysisSettings settings_of(const v1::RolloutAnalysis& spec);

}  // namespace sluice::controlplane

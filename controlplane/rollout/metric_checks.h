// SPDX-License-Identifier: Apache-2.0
//
// Whether a metric is within its bounds.
#pragma once

#include "controlplane/rollout/analysis.h"

namespace sluice::controlplane {

// NO_DATA without a value that is new enough. `reading` null: there never was one.
v1::RolloutCheck metric_check(const v1::RolloutMetric& metric, const MetricReading* reading,
                              absl::Time now);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// A node's /metrics.
#pragma once

#include "dataplane/metrics/metric_page.h"
#include "sluice/v1/dataplane.pb.h"

namespace sluice::dataplane {

// Labels are bounded by the table and the number of lcores.
MetricFamilies node_metrics(const v1::GetStatusResponse& status,
                            const v1::GetCountersResponse& counters);

}  // namespace sluice::dataplane

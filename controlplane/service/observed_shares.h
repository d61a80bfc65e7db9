// SPDX-License-Identifier: Apache-2.0
//
// Observed against configured shares of pools, with the chance of so large a deviation.
#pragma once

#include "controlplane/audit/share_counts.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// What a route and its rollouts give to each pool, of 1000000.
std::map<std::string, uint32_t> configured_shares(const v1::RouteEntry& route);

// One entry per service, class and route that steered new flows, sorted. `table` is the running one
// and `policy` that of its revision. Where a client's flows keep together (affinity: client), the
// test of flows takes into account that they are not drawn one by one.
v1::ListSharesResponse observed_shares(const ShareCounts& counts, const v1::ForwardingTable& table,
                                       const v1::Policy& policy);

}  // namespace sluice::controlplane

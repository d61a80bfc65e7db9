// SPDX-License-Identifier: Apache-2.0
//
// How many new flows and clients each pool got, from the records.
#pragma once

#include <map>
#include <string>
#include <tuple>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/store/database.h"

namespace sluice::controlplane {

// Of one pool. A client is an IPv4 address or an IPv6 /64 and counts for the pool of its first
// flow.
struct ShareCount {
  uint64_t flows = 0;
  uint64_t clients = 0;
};

// Of one route for one class at one service.
struct RouteCounts {
  std::map<std::string, ShareCount> pools;
  uint64_t flows = 0;
  uint64_t clients = 0;
  double squares = 0;  // of each client's flows, summed: how unevenly flows are spread over clients
};
using RouteKey = std::tuple<std::string, std::string, std::string>;  // service, class, route
using ShareCounts = std::map<RouteKey, RouteCounts>;

// Adds the column that tells a flow's first record of one opened by SYN or datagram, where an older
// program made the file: its records count as none.
absl::Status make_share_column(Database& database);

// Flows that began at `since` or later; `service` empty: of all.
absl::StatusOr<ShareCounts> count_shares(Database& database, const std::string& service,
                                         absl::Time since);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// How many new flows and clients each pool got, from the records.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controlplane/audit/segment/row_source.h"

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

// Adds up sources.  Thread: one at a time.
class ShareCounter {
 public:
  // Of flows that began at `since` or later; `service` empty: of all.
  ShareCounter(std::string service, absl::Time since)
      : service_(std::move(service)), since_ns_(absl::ToUnixNanos(since)) {}

  // Errors: of `RowSource::read`.
  absl::Status add(const RowSource& source);
  ShareCounts finish() &&;

 private:
  using HostKey = std::pair<uint64_t, size_t>;  // the first bytes of an address, and how many
  struct Host {
    uint64_t flows = 0;
    int64_t first_ns = 0;
    const std::string* first_pool = nullptr;
  };
  struct Route {
    RouteCounts counts;
    absl::flat_hash_map<HostKey, Host> hosts;
  };
  // What the indexes of one source mean here, so that no row compares names.
  struct Known {
    std::vector<HostKey> hosts;  // by client
    absl::flat_hash_map<uint64_t, Route*> routes;
    absl::flat_hash_map<std::pair<Route*, uint64_t>, std::pair<const std::string, ShareCount>*>
        pools;
  };
  struct Row {
    uint64_t client, service, client_class, route, pool;
    int64_t start_ns;
  };
  void count(const Row& row, const Dictionaries& names, Known& known);

  const std::string service_;
  const int64_t since_ns_;
  std::map<RouteKey, Route> routes_;
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Observed against configured shares of pools, with the chance of so large a deviation.
#include "controlplane/service/observed_shares.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "controlplane/rollout/statistics.h"

namespace sluice::controlplane {
namespace {

constexpr double kWhole = 1'000'000;

struct Part {
  double observed = 0;
  double configured = 0;  // of kWhole
};

// Pearson's test, with the statistic divided by how many times larger its variance is than that of
// independent draws.
double share_p_value(const std::vector<Part>& parts, double whole, double variance_factor) {
  double statistic = 0;
  int pools = 0;
  for (const Part& part : parts) {
    // What gets nothing by configuration and got something cannot be chance.
    if (part.configured <= 0 && part.observed > 0) return 0;
    if (part.configured <= 0) continue;
    const double expected = whole * part.configured / kWhole;
    statistic += (part.observed - expected) * (part.observed - expected) / expected;
    ++pools;
  }
  if (pools < 2 || whole <= 0) return 1;
  return chi_squared_upper_tail(statistic / variance_factor, pools - 1);
}

bool keeps_clients_together(const v1::Policy& policy, const std::string& name) {
  return std::any_of(policy.services().begin(), policy.services().end(),
                     [&](const v1::Service& service) {
                       return service.metadata().name() == name &&
                              service.spec().affinity() == v1::AFFINITY_CLIENT;
                     });
}

void add_pools(const RouteCounts& counts, const v1::RouteEntry& route, bool are_together,
               v1::ObservedShares& shares) {
  std::map<std::string, uint32_t> configured = configured_shares(route);
  for (const auto& [pool, count] : counts.pools)
    configured.try_emplace(pool, 0);
  std::vector<Part> flows;
  std::vector<Part> clients;
  for (const auto& [pool, share] : configured) {
    const auto found = counts.pools.find(pool);
    const ShareCount count = found == counts.pools.end() ? ShareCount() : found->second;
    v1::ObservedShare& entry = *shares.add_pools();
    entry.set_pool(pool);
    entry.set_configured(share);
    entry.set_flows(count.flows);
    entry.set_clients(count.clients);
    flows.push_back({static_cast<double>(count.flows), static_cast<double>(share)});
    clients.push_back({static_cast<double>(count.clients), static_cast<double>(share)});
  }
  const double whole = static_cast<double>(counts.flows);
  const double factor = are_together && whole > 0 ? std::max(counts.squares / whole, 1.0) : 1;
  shares.set_p_value_flows(share_p_value(flows, whole, factor));
  shares.set_p_value_clients(share_p_value(clients, static_cast<double>(counts.clients), 1));
}

}  // namespace

std::map<std::string, uint32_t> configured_shares(const v1::RouteEntry& route) {
  double total = 0;
  for (const v1::RouteSplit& part : route.split())
    total += part.weight();
  std::map<std::string, double> exact;
  for (const v1::RouteSplit& part : route.split())
    exact[part.pool()] += total > 0 ? kWhole * part.weight() / total : 0;
  std::map<std::string, double> result = exact;
  for (const v1::RolloutSplit& rollout : route.rollouts()) {
    const double moved = exact[rollout.stable()] * rollout.weight() / kWhole;
    result[rollout.stable()] -= moved;
    result[rollout.candidate()] += moved;
  }
  std::map<std::string, uint32_t> rounded;
  for (const auto& [pool, share] : result)
    rounded[pool] = static_cast<uint32_t>(std::lround(std::max(share, 0.0)));
  return rounded;
}

v1::ListSharesResponse observed_shares(const ShareCounts& counts, const v1::ForwardingTable& table,
                                       const v1::Policy& policy) {
  v1::ListSharesResponse response;
  for (const auto& [key, count] : counts) {
    const auto& [service, client_class, route_name] = key;
    const auto route = std::find_if(
        table.routes().begin(), table.routes().end(),
        [&name = route_name](const v1::RouteEntry& entry) { return entry.name() == name; });
    if (route == table.routes().end()) continue;  // it steers nobody any more
    v1::ObservedShares& shares = *response.add_splits();
    shares.set_service(service);
    shares.set_client_class(client_class);
    shares.set_route(route_name);
    shares.set_flows(count.flows);
    shares.set_clients(count.clients);
    add_pools(count, *route, keeps_clients_together(policy, service), shares);
  }
  return response;
}

}  // namespace sluice::controlplane

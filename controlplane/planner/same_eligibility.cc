// SPDX-License-Identifier: Apache-2.0
//
// Whether flows need to ask again if their pool is still allowed.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "controlplane/planner/compile.h"
#include "controlplane/policy/selector.h"

namespace sluice::controlplane {
namespace {

template <typename List>
bool same_list(const List& a, const List& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

bool same_entry(const v1::ClientClassEntry& a, const v1::ClientClassEntry& b) {
  return a.name() == b.name() && to_labels(a.labels()) == to_labels(b.labels()) &&
         same_list(a.prefixes(), b.prefixes());
}

bool same_entry(const v1::SteeringEntry& a, const v1::SteeringEntry& b) {
  return a.service() == b.service() && a.client_class() == b.client_class() &&
         a.route() == b.route() && same_list(a.eligible_pools(), b.eligible_pools());
}

template <typename List>
bool same_entries(const List& a, const List& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& one, const auto& other) { return same_entry(one, other); });
}

std::map<std::string, Labels> service_labels(const v1::ForwardingTable& table) {
  std::map<std::string, Labels> labels;
  for (const v1::ServiceEntry& service : table.services())
    labels[service.name()] = to_labels(service.labels());
  return labels;
}

// Flows of an address go on when it changes hands; the new service may allow them other pools.
std::map<std::tuple<std::string, uint32_t, uint32_t>, std::string> endpoint_owners(
    const v1::ForwardingTable& table) {
  std::map<std::tuple<std::string, uint32_t, uint32_t>, std::string> owners;
  for (const v1::ServiceEntry& service : table.services()) {
    for (const std::string& address : service.addresses()) {
      for (const v1::ServicePort& port : service.ports())
        owners[{address, port.protocol(), port.port()}] = service.name();
    }
  }
  return owners;
}

using BackendKey = std::pair<std::string, std::string>;  // pool, backend; "" is the pool itself

std::map<BackendKey, Labels> pool_labels(const v1::ForwardingTable& table) {
  std::map<BackendKey, Labels> labels;
  for (const v1::PoolEntry& pool : table.pools()) {
    labels[{pool.name(), ""}] = to_labels(pool.labels());
    for (const v1::BackendEntry& backend : pool.backends()) {
      labels[{pool.name(), backend.name()}] = to_labels(backend.labels());
    }
  }
  return labels;
}

// Pools and backends of one table only have no flows that could ask.
bool same_where_both(const std::map<BackendKey, Labels>& a, const std::map<BackendKey, Labels>& b) {
  for (const auto& [key, labels] : a) {
    const auto other = b.find(key);
    if (other != b.end() && other->second != labels) return false;
  }
  return true;
}

// Without weights: a share changes nothing about what is allowed.
std::map<std::string, std::set<std::string>> route_pools(const v1::ForwardingTable& table) {
  std::map<std::string, std::set<std::string>> pools;
  for (const v1::RouteEntry& route : table.routes()) {
    std::set<std::string>& here = pools[route.service() + "/" + route.name()];
    for (const v1::RouteSplit& part : route.split())
      here.insert(part.pool());
    here.insert(route.fallback().begin(), route.fallback().end());
  }
  return pools;
}

}  // namespace

bool same_eligibility(const v1::ForwardingTable& a, const v1::ForwardingTable& b) {
  return same_entries(a.client_classes(), b.client_classes()) &&
         same_entries(a.steering(), b.steering()) && service_labels(a) == service_labels(b) &&
         endpoint_owners(a) == endpoint_owners(b) && route_pools(a) == route_pools(b) &&
         same_where_both(pool_labels(a), pool_labels(b));
}

}  // namespace sluice::controlplane

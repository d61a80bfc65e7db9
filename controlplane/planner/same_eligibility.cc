// SPDX-License-Identifier: Apache-2.0
//
// Whether flows need to ask again if their pool is still allowed.
#include <algorithm>
#include <set>
#include <string_view>

#include "controlplane/planner/compile.h"
#include "dataplane/table/canonical_from_proto.h"

namespace sluice::controlplane {
namespace {

using dataplane::key_of;
using Labels = google::protobuf::Map<std::string, std::string>;

bool same_labels(const Labels& a, const Labels& b) {
  return a.size() == b.size() && std::all_of(a.begin(), a.end(), [&](const auto& label) {
           const auto other = b.find(label.first);
           return other != b.end() && other->second == label.second;
         });
}

template <typename List>
bool same_list(const List& a, const List& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

bool same_entry(const v1::ClientClassEntry& a, const v1::ClientClassEntry& b) {
  return a.name() == b.name() && same_labels(a.labels(), b.labels()) &&
         same_list(a.prefixes(), b.prefixes());
}

bool same_entry(const v1::SteeringEntry& a, const v1::SteeringEntry& b) {
  return a.service() == b.service() && a.client_class() == b.client_class() &&
         a.route() == b.route() && same_list(a.conditional_routes(), b.conditional_routes()) &&
         same_list(a.eligible_pools(), b.eligible_pools());
}

// Flows of an address go on when it changes hands; the new service may allow them other pools.
bool same_entry(const v1::ServiceEntry& a, const v1::ServiceEntry& b) {
  const auto same_port = [](const v1::ServicePort& one, const v1::ServicePort& other) {
    return one.protocol() == other.protocol() && one.port() == other.port();
  };
  return a.name() == b.name() && same_labels(a.labels(), b.labels()) &&
         same_list(a.addresses(), b.addresses()) &&
         std::equal(a.ports().begin(), a.ports().end(), b.ports().begin(), b.ports().end(),
                    same_port);
}

std::set<std::string_view> pools_of(const v1::RouteEntry& route) {
  std::set<std::string_view> pools(route.fallback().begin(), route.fallback().end());
  for (const v1::RouteSplit& part : route.split())
    pools.insert(part.pool());
  for (const v1::RolloutSplit& rollout : route.rollouts())
    pools.insert(rollout.candidate());
  return pools;
}

// Without weights: a share changes nothing about what is allowed. With evicted pools: their known
// flows are found when they ask.
bool same_entry(const v1::RouteEntry& a, const v1::RouteEntry& b) {
  return a.name() == b.name() && a.service() == b.service() && pools_of(a) == pools_of(b) &&
         same_list(a.evicted(), b.evicted());
}

template <typename List>
bool same_entries(const List& a, const List& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const auto& one, const auto& other) { return same_entry(one, other); });
}

// Whether `same` holds for all that is in both sorted lists: pools and backends of one table only
// have no flows that could ask.
template <typename List, typename Same>
bool same_where_both(const List& a, const List& b, const Same& same) {
  auto other = b.begin();
  for (const auto& entry : a) {
    while (other != b.end() && key_of(*other) < key_of(entry))
      ++other;
    if (other != b.end() && key_of(*other) == key_of(entry) && !same(entry, *other)) return false;
  }
  return true;
}

bool same_pools(const v1::ForwardingTable& a, const v1::ForwardingTable& b) {
  const auto same_backend = [](const v1::BackendEntry& one, const v1::BackendEntry& other) {
    return same_labels(one.labels(), other.labels());
  };
  return same_where_both(a.pools(), b.pools(), [&](const auto& one, const auto& other) {
    return same_labels(one.labels(), other.labels()) &&
           same_where_both(one.backends(), other.backends(), same_backend);
  });
}

}  // namespace

bool same_eligibility(const v1::ForwardingTable& a, const v1::ForwardingTable& b) {
  return same_entries(a.client_classes(), b.client_classes()) &&
         same_entries(a.steering(), b.steering()) && same_entries(a.services(), b.services()) &&
         same_entries(a.routes(), b.routes()) && same_pools(a, b);
}

}  // namespace sluice::controlplane

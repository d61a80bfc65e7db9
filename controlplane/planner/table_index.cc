// SPDX-License-Identifier: Apache-2.0
//
// The entries of a forwarding table by name, with the splits that their routes give.
#include "controlplane/planner/table_index.h"

#include <algorithm>
#include <span>
#include <string>
#include <vector>

namespace sluice::controlplane {
namespace {

using dataplane::HashKey;
using dataplane::SplitMember;
using dataplane::StickySplit;

constexpr size_t kKeyBytes = 16;

HashKey steering_key_of(const v1::ForwardingTable& table) {
  std::string bytes = table.steering_key();
  bytes.resize(kKeyBytes);
  return HashKey::from_bytes(std::span<const uint8_t, kKeyBytes>(
      reinterpret_cast<const uint8_t*>(bytes.data()), kKeyBytes));
}

template <typename Map>
auto find(const Map& map, std::string_view name) -> typename Map::mapped_type {
  const auto found = map.find(name);
  return found == map.end() ? typename Map::mapped_type{} : found->second;
}

}  // namespace

TableIndex::TableIndex(const v1::ForwardingTable& table) : key_(steering_key_of(table)) {
  for (const v1::RouteEntry& route : table.routes())
    routes_.emplace(route.name(), &route);
  for (const v1::PoolEntry& pool : table.pools())
    pools_.emplace(pool.name(), &pool);
  for (const v1::ServiceEntry& service : table.services())
    affinities_.emplace(service.name(), service.affinity());
}

const v1::RouteEntry* TableIndex::route(std::string_view name) const {
  return find(routes_, name);
}

const v1::PoolEntry* TableIndex::pool(std::string_view name) const {
  return find(pools_, name);
}

v1::Affinity TableIndex::affinity(std::string_view service) const {
  return find(affinities_, service);
}

bool divide_alike(const v1::RouteEntry* a, const v1::RouteEntry* b) {
  if (a == nullptr || b == nullptr) return a == b;
  if (a->split_seed() != b->split_seed() || a->split_size() != b->split_size()) return false;
  for (int i = 0; i < a->split_size(); ++i) {
    const v1::RouteSplit& one = a->split(i);
    const v1::RouteSplit& other = b->split(i);
    if (one.pool() != other.pool() || one.weight() != other.weight()) return false;
  }
  const auto same_rollout = [](const v1::RolloutSplit& one, const v1::RolloutSplit& other) {
    return one.stable() == other.stable() && one.candidate() == other.candidate() &&
           one.weight() == other.weight() && one.seed() == other.seed();
  };
  return std::equal(a->rollouts().begin(), a->rollouts().end(), b->rollouts().begin(),
                    b->rollouts().end(), same_rollout);
}

const StickySplit& TableIndex::split(const v1::RouteEntry& route) {
  const auto found = splits_.find(&route);
  if (found != splits_.end()) return found->second;
  std::vector<SplitMember> members;
  for (const v1::RouteSplit& part : route.split())
    members.push_back({part.pool(), part.weight()});
  return splits_.emplace(&route, StickySplit::build(members, route.split_seed(), key_))
      .first->second;
}

}  // namespace sluice::controlplane

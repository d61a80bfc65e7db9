// SPDX-License-Identifier: Apache-2.0
//
// The entries of a forwarding table by name, with the splits that their routes give.
#include "controlplane/planner/table_index.h"

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

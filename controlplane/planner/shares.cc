// SPDX-License-Identifier: Apache-2.0
//
// Each pool's share of each (service, client class), by the buckets of the sticky split.
#include "controlplane/planner/shares.h"

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "dataplane/maglev/sticky_split.h"
#include "dataplane/net/keyed_hash.h"
#include "dataplane/table/canonical_from_proto.h"

namespace sluice::controlplane {
namespace {

using dataplane::HashKey;
using dataplane::SplitMember;
using dataplane::StickySplit;

constexpr uint64_t kWhole = 1'000'000;
constexpr size_t kKeyBytes = 16;

using Shares = std::map<std::string, uint32_t>;  // of 1000000, by pool

HashKey steering_key_of(const v1::ForwardingTable& table) {
  std::string bytes = table.steering_key();
  bytes.resize(kKeyBytes);
  return HashKey::from_bytes(std::span<const uint8_t, kKeyBytes>(
      reinterpret_cast<const uint8_t*>(bytes.data()), kKeyBytes));
}

Shares count_shares(const v1::RouteEntry& route, const HashKey& key) {
  std::vector<SplitMember> members;
  for (const v1::RouteSplit& part : route.split())
    members.push_back({part.pool(), part.weight()});
  const StickySplit split = StickySplit::build(members, route.split_seed(), key);
  std::vector<uint64_t> buckets(members.size());
  for (uint32_t bucket = 0; bucket < StickySplit::kBuckets; ++bucket)
    ++buckets[split.owner(bucket)];
  Shares shares;
  for (size_t i = 0; i < members.size(); ++i) {
    const uint64_t rounded =
        (buckets[i] * kWhole + StickySplit::kBuckets / 2) / StickySplit::kBuckets;
    shares[members[i].name] = static_cast<uint32_t>(rounded);
  }
  return shares;
}

// The routes of one table, with the shares that their splits give.
class Side {
 public:
  explicit Side(const v1::ForwardingTable& table) : key_(steering_key_of(table)) {
    for (const v1::RouteEntry& route : table.routes())
      routes_.emplace(route.name(), &route);
  }

  // Null where no route steers.
  const v1::RouteEntry* route_of(const v1::SteeringEntry& row) const {
    const auto route = routes_.find(row.route());
    return route == routes_.end() ? nullptr : route->second;
  }

  const Shares& shares(const v1::RouteEntry* route) {
    static const Shares kNone;
    if (route == nullptr) return kNone;
    const auto [found, added] = shares_.try_emplace(route);
    if (added) found->second = count_shares(*route, key_);
    return found->second;
  }

  const HashKey& key() const { return key_; }

 private:
  HashKey key_;
  std::unordered_map<std::string_view, const v1::RouteEntry*> routes_;  // names are the table's
  std::map<const v1::RouteEntry*, Shares> shares_;
};

void add_changes(const v1::SteeringEntry& row, const Shares& before, const Shares& after,
                 std::vector<v1::ShareChange>& changes) {
  std::map<std::string, std::pair<uint32_t, uint32_t>> pools;
  for (const auto& [pool, share] : before)
    pools[pool].first = share;
  for (const auto& [pool, share] : after)
    pools[pool].second = share;
  for (const auto& [pool, share] : pools) {
    if (share.first == share.second) continue;
    v1::ShareChange& change = changes.emplace_back();
    change.set_service(row.service());
    change.set_client_class(row.client_class());
    change.set_pool(pool);
    change.set_before(share.first);
    change.set_after(share.second);
  }
}

bool split_alike(const v1::RouteEntry* a, const v1::RouteEntry* b) {
  if (a == nullptr || b == nullptr) return a == b;
  if (a->split_seed() != b->split_seed() || a->split_size() != b->split_size()) return false;
  for (int i = 0; i < a->split_size(); ++i) {
    const v1::RouteSplit& one = a->split(i);
    const v1::RouteSplit& other = b->split(i);
    if (one.pool() != other.pool() || one.weight() != other.weight()) return false;
  }
  return true;
}

}  // namespace

std::vector<v1::ShareChange> share_changes(const v1::ForwardingTable& before,
                                           const v1::ForwardingTable& after) {
  Side old(before), current(after);
  const bool same_key = old.key() == current.key();
  std::vector<v1::ShareChange> changes;
  const auto was_end = before.steering().end();
  const auto is_end = after.steering().end();
  auto was = before.steering().begin();
  auto is = after.steering().begin();
  while (was != was_end || is != is_end) {  // both are sorted: one walk over the two
    const bool in_before =
        was != was_end && (is == is_end || dataplane::key_of(*was) <= dataplane::key_of(*is));
    const bool in_after =
        is != is_end && (was == was_end || dataplane::key_of(*is) <= dataplane::key_of(*was));
    const v1::RouteEntry* from = in_before ? old.route_of(*was) : nullptr;
    const v1::RouteEntry* to = in_after ? current.route_of(*is) : nullptr;
    if (!same_key || !split_alike(from, to))
      add_changes(in_after ? *is : *was, old.shares(from), current.shares(to), changes);
    if (in_before) ++was;
    if (in_after) ++is;
  }
  return changes;
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Each pool's share of each (service, client class), by the buckets of the sticky split.
#include "controlplane/planner/shares.h"

#include <map>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "dataplane/maglev/sticky_split.h"
#include "dataplane/net/keyed_hash.h"
#include "google/protobuf/util/message_differencer.h"

namespace sluice::controlplane {
namespace {

using dataplane::HashKey;
using dataplane::SplitMember;
using dataplane::StickySplit;
using google::protobuf::util::MessageDifferencer;

constexpr uint64_t kWhole = 1'000'000;
constexpr size_t kKeyBytes = 16;

using Shares = std::map<std::string, uint32_t>;      // of 1000000, by pool
using RowKey = std::pair<std::string, std::string>;  // service, client class

HashKey key_of(const v1::ForwardingTable& table) {
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

// The routes and rows of one table.
class Side {
 public:
  explicit Side(const v1::ForwardingTable& table) : key_(key_of(table)) {
    for (const v1::RouteEntry& route : table.routes())
      routes_[route.name()] = &route;
    for (const v1::SteeringEntry& row : table.steering()) {
      rows_[{row.service(), row.client_class()}] = row.route();
    }
  }

  const std::map<RowKey, std::string>& rows() const { return rows_; }

  // Null where no route steers.
  const v1::RouteEntry* route_of(const RowKey& row) const {
    const auto name = rows_.find(row);
    const auto route = name == rows_.end() ? routes_.end() : routes_.find(name->second);
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
  std::map<std::string, const v1::RouteEntry*> routes_;
  std::map<RowKey, std::string> rows_;
  std::map<const v1::RouteEntry*, Shares> shares_;
};

void add_changes(const RowKey& row, const Shares& before, const Shares& after,
                 std::vector<v1::ShareChange>& changes) {
  std::map<std::string, std::pair<uint32_t, uint32_t>> pools;
  for (const auto& [pool, share] : before)
    pools[pool].first = share;
  for (const auto& [pool, share] : after)
    pools[pool].second = share;
  for (const auto& [pool, share] : pools) {
    if (share.first == share.second) continue;
    v1::ShareChange& change = changes.emplace_back();
    change.set_service(row.first);
    change.set_client_class(row.second);
    change.set_pool(pool);
    change.set_before(share.first);
    change.set_after(share.second);
  }
}

bool split_alike(const v1::RouteEntry* a, const v1::RouteEntry* b) {
  if (a == nullptr || b == nullptr) return a == b;
  if (a->split_seed() != b->split_seed() || a->split_size() != b->split_size()) return false;
  for (int i = 0; i < a->split_size(); ++i) {
    if (!MessageDifferencer::Equals(a->split(i), b->split(i))) return false;
  }
  return true;
}

}  // namespace

std::vector<v1::ShareChange> share_changes(const v1::ForwardingTable& before,
                                           const v1::ForwardingTable& after) {
  Side old(before), current(after);
  std::set<RowKey> rows;
  for (const auto& [row, route] : old.rows())
    rows.insert(row);
  for (const auto& [row, route] : current.rows())
    rows.insert(row);
  const bool same_key = old.key() == current.key();
  std::vector<v1::ShareChange> changes;
  for (const RowKey& row : rows) {
    const v1::RouteEntry* was = old.route_of(row);
    const v1::RouteEntry* is = current.route_of(row);
    if (same_key && split_alike(was, is)) continue;
    add_changes(row, old.shares(was), current.shares(is), changes);
  }
  return changes;
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Each pool's share of each (service, client class), by the buckets of the sticky split.
#include "controlplane/planner/shares.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "controlplane/planner/table_index.h"
#include "dataplane/maglev/sticky_split.h"
#include "dataplane/table/canonical_from_proto.h"

namespace sluice::controlplane {
namespace {

using dataplane::StickySplit;

constexpr uint64_t kWhole = 1'000'000;

using Shares = std::map<std::string, uint32_t>;  // of 1000000, by pool

// Of all flows but those that a route with conditions steers, where another route steers the rest.
const v1::RouteEntry* steering_route(const v1::SteeringEntry& row, const TableIndex& table) {
  const bool only_conditional = row.route().empty() && !row.conditional_routes().empty();
  return table.route(only_conditional ? row.conditional_routes(0) : row.route());
}

Shares count_shares(const v1::RouteEntry& route, const StickySplit& split) {
  std::vector<uint64_t> buckets(static_cast<size_t>(route.split_size()));
  for (uint32_t bucket = 0; bucket < StickySplit::kBuckets; ++bucket)
    ++buckets[split.owner(bucket)];
  std::map<std::string, uint64_t> parts;  // buckets times 1000000
  for (int i = 0; i < route.split_size(); ++i)
    parts[route.split(i).pool()] = buckets[static_cast<size_t>(i)] * kWhole;
  const std::map<std::string, uint64_t> stable = parts;  // rollouts do not follow each other
  for (const v1::RolloutSplit& rollout : route.rollouts()) {
    const auto share = stable.find(rollout.stable());
    if (share == stable.end()) continue;
    const uint64_t given = share->second / kWhole * rollout.weight();
    parts[rollout.stable()] -= given;
    parts[rollout.candidate()] += given;
  }
  Shares shares;
  for (const auto& [pool, part] : parts) {
    const uint64_t rounded = (part + StickySplit::kBuckets / 2) / StickySplit::kBuckets;
    shares[pool] = static_cast<uint32_t>(rounded);
  }
  return shares;
}

// The routes of one table, with the shares that their splits give.
class Side {
 public:
  explicit Side(const v1::ForwardingTable& table) : table_(table) {}

  // Null where no route steers.
  const v1::RouteEntry* route_of(const v1::SteeringEntry& row) const {
    return steering_route(row, table_);
  }

  const Shares& shares(const v1::RouteEntry* route) {
    static const Shares kNone;
    if (route == nullptr) return kNone;
    const auto [found, added] = shares_.try_emplace(route);
    if (added) found->second = count_shares(*route, table_.split(*route));
    return found->second;
  }

  const dataplane::HashKey& key() const { return table_.key(); }

 private:
  TableIndex table_;
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
    if (!same_key || !divide_alike(from, to))
      add_changes(in_after ? *is : *was, old.shares(from), current.shares(to), changes);
    if (in_before) ++was;
    if (in_after) ++is;
  }
  return changes;
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Whom a new table moves.
#include "controlplane/planner/moved.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "controlplane/planner/pool_slots.h"
#include "controlplane/planner/table_index.h"
#include "dataplane/maglev/sticky_split.h"
#include "dataplane/table/canonical_from_proto.h"

namespace sluice::controlplane {
namespace {

using dataplane::HashKey;
using dataplane::StickySplit;

constexpr double kWhole = 1'000'000;

// The share of a stable pool's clients that a rollout gives away; none: weight 0.
struct Diversion {
  std::string_view candidate;
  std::string_view seed;
  double weight = 0;  // 0..1
};

Diversion diversion_of(const v1::RouteEntry& route, std::string_view stable) {
  for (const v1::RolloutSplit& rollout : route.rollouts()) {
    if (rollout.stable() == stable)
      return {rollout.candidate(), rollout.seed(), rollout.weight() / kWhole};
  }
  return {};
}

class Mover {
 public:
  Mover(const v1::ForwardingTable& before, const v1::ForwardingTable& after)
      : before_(before), after_(after), same_key_(before.steering_key() == after.steering_key()) {}

  // 0..1 of the clients that were steered by the one row and are by the other. Either may be null.
  double moved(const v1::SteeringEntry* was, const v1::SteeringEntry* is) {
    if (was == nullptr || is == nullptr) return was == is ? 0 : 1;
    if (!same_key_ || before_.affinity(was->service()) != after_.affinity(is->service())) return 1;
    double most = moved(before_.route(was->route()), after_.route(is->route()));
    std::set<std::string> conditional(was->conditional_routes().begin(),
                                      was->conditional_routes().end());
    conditional.insert(is->conditional_routes().begin(), is->conditional_routes().end());
    for (const std::string& name : conditional) {
      // Who has no such route any more, or had none, is steered by the route of all other flows.
      const auto has = [&](const auto& names) {
        return std::find(names.begin(), names.end(), name) != names.end();
      };
      const bool had = has(was->conditional_routes());
      const bool gets = has(is->conditional_routes());
      most = std::max(most, moved(before_.route(had ? name : was->route()),
                                  after_.route(gets ? name : is->route())));
    }
    return most;
  }

 private:
  using Pair = std::pair<std::string_view, std::string_view>;  // a pool before, a pool after

  double moved(const v1::RouteEntry* from, const v1::RouteEntry* to) {
    if (from == nullptr || to == nullptr) return from == to ? 0 : 1;
    const auto [found, is_new] = by_routes_.try_emplace({from, to});
    if (is_new) {
      double sum = 0;
      if (divide_alike(from, to) && all_stay(*from)) return 0;
      for (const auto& [pools, buckets] : bucket_pairs(*from, *to))
        sum += buckets * moved_of(*from, *to, pools);
      found->second = sum / StickySplit::kBuckets;
    }
    return found->second;
  }

  // Whether no client moves within the pools of the route, so that its buckets do not matter.
  bool all_stay(const v1::RouteEntry& route) {
    return std::all_of(
               route.split().begin(), route.split().end(),
               [&](const auto& part) { return moved_between(part.pool(), part.pool()) == 0; }) &&
           std::all_of(route.rollouts().begin(), route.rollouts().end(), [&](const auto& rollout) {
             return moved_between(rollout.candidate(), rollout.candidate()) == 0;
           });
  }

  std::map<Pair, uint32_t> bucket_pairs(const v1::RouteEntry& from, const v1::RouteEntry& to) {
    const StickySplit& old = before_.split(from);
    const StickySplit& current = after_.split(to);
    std::map<std::pair<uint32_t, uint32_t>, uint32_t> counts;
    for (uint32_t bucket = 0; bucket < StickySplit::kBuckets; ++bucket)
      ++counts[{old.owner(bucket), current.owner(bucket)}];
    std::map<Pair, uint32_t> pairs;
    for (const auto& [owners, count] : counts) {
      pairs[{from.split(static_cast<int>(owners.first)).pool(),
             to.split(static_cast<int>(owners.second)).pool()}] = count;
    }
    return pairs;
  }

  // Of the clients of buckets that were `stables.first`'s and are `stables.second`'s.
  double moved_of(const v1::RouteEntry& from, const v1::RouteEntry& to, const Pair& stables) {
    const Diversion old = diversion_of(from, stables.first);
    const Diversion current = diversion_of(to, stables.second);
    // The part of clients that both rollouts give away: one hash for both, or two independent ones.
    const double both = old.seed == current.seed ? std::min(old.weight, current.weight)
                                                 : old.weight * current.weight;
    const double neither = 1 - old.weight - current.weight + both;
    double sum = 0;
    if (both > 0) sum += both * moved_between(old.candidate, current.candidate);
    if (old.weight > both)
      sum += (old.weight - both) * moved_between(old.candidate, stables.second);
    if (current.weight > both)
      sum += (current.weight - both) * moved_between(stables.first, current.candidate);
    if (neither > 0) sum += neither * moved_between(stables.first, stables.second);
    return sum;
  }

  double moved_between(std::string_view from, std::string_view to) {
    if (from != to) return 1;
    const auto [found, is_new] = by_pool_.try_emplace(from);
    if (is_new) {
      const v1::PoolEntry* old = before_.pool(from);
      const v1::PoolEntry* current = after_.pool(from);
      found->second =
          old == nullptr || current == nullptr ? 1 : moved_in_pool(*old, *current, before_.key());
    }
    return found->second;
  }

  TableIndex before_;
  TableIndex after_;
  bool same_key_;
  std::map<std::pair<const v1::RouteEntry*, const v1::RouteEntry*>, double> by_routes_;
  std::unordered_map<std::string_view, double> by_pool_;
};

uint32_t of_whole(double part) {
  if (part <= 0) return 0;
  return std::max(1u, static_cast<uint32_t>(std::lround(std::min(part, 1.0) * kWhole)));
}

// Rows are sorted. Null where there is none.
const v1::SteeringEntry* find(const v1::ForwardingTable& table, std::string_view service,
                              std::string_view client_class) {
  const auto& rows = table.steering();
  const auto key = std::pair(service, client_class);
  const auto row = std::lower_bound(
      rows.begin(), rows.end(), key,
      [](const v1::SteeringEntry& entry, const auto& k) { return dataplane::key_of(entry) < k; });
  return row != rows.end() && dataplane::key_of(*row) == key ? &*row : nullptr;
}

std::set<std::string> served_pools(const v1::ForwardingTable& table) {
  const TableIndex index(table);
  std::set<const v1::RouteEntry*> routes;
  for (const v1::SteeringEntry& row : table.steering()) {
    routes.insert(index.route(row.route()));
    for (const std::string& name : row.conditional_routes())
      routes.insert(index.route(name));
  }
  routes.erase(nullptr);
  std::set<std::string> pools;
  for (const v1::RouteEntry* route : routes) {
    for (const v1::RouteSplit& part : route->split()) {
      const Diversion diversion = diversion_of(*route, part.pool());
      if (part.weight() == 0) continue;
      if (diversion.weight < 1) pools.insert(part.pool());
      if (diversion.weight > 0) pools.emplace(diversion.candidate);
    }
  }
  return pools;
}

}  // namespace

std::vector<v1::MovedClients> moved_clients(const v1::ForwardingTable& before,
                                            const v1::ForwardingTable& after,
                                            std::span<const ClassShare> classes) {
  Mover mover(before, after);
  std::vector<v1::MovedClients> moved;
  for (const v1::ServiceEntry& served : before.services()) {
    const std::string& service = served.name();
    std::map<std::string_view, std::pair<double, double>> sums;  // by class: moved parts, all parts
    for (const ClassShare& share : classes) {
      // A class without a prefix still has its clients.
      const auto parts = static_cast<double>(std::max<uint64_t>(share.parts, 1));
      auto& [sum, all] = sums[share.after];
      sum += parts *
             mover.moved(find(before, service, share.before), find(after, service, share.after));
      all += parts;
    }
    for (const auto& [client_class, sum] : sums) {
      const uint32_t part = of_whole(sum.first / sum.second);
      if (part == 0) continue;
      v1::MovedClients& entry = moved.emplace_back();
      entry.set_service(service);
      entry.set_client_class(std::string(client_class));
      entry.set_moved(part);
    }
  }
  return moved;
}

std::vector<std::string> emptied_pools(const v1::ForwardingTable& before,
                                       const v1::ForwardingTable& after) {
  const std::set<std::string> old = served_pools(before);
  const std::set<std::string> current = served_pools(after);
  std::vector<std::string> emptied;
  std::set_difference(old.begin(), old.end(), current.begin(), current.end(),
                      std::back_inserter(emptied));
  return emptied;
}

}  // namespace sluice::controlplane

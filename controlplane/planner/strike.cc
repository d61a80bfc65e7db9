// SPDX-License-Identifier: Apache-2.0
//
// Forbidden pools compiled out of a route.
#include "controlplane/planner/strike.h"

#include <algorithm>

#include "fmt/format.h"
#include "fmt/ranges.h"

namespace sluice::controlplane {
namespace {

constexpr std::string_view kWithout = "/without/";

bool has_weight(const v1::RouteEntry& route) {
  return std::any_of(route.split().begin(), route.split().end(),
                     [](const v1::RouteSplit& part) { return part.weight() > 0; });
}

// The fallback's first pool gets what the split cannot give any more.
void promote_fallback(v1::RouteEntry& route) {
  const std::string pool = route.fallback(0);
  for (v1::RouteSplit& part : *route.mutable_split()) {
    if (part.pool() == pool) return part.set_weight(1);
  }
  v1::RouteSplit& added = *route.add_split();
  added.set_pool(pool);
  added.set_weight(1);
}

}  // namespace

std::optional<v1::RouteEntry> without_pools(const v1::RouteEntry& route,
                                            const std::set<std::string>& pools) {
  v1::RouteEntry left = route;
  left.set_name(fmt::format("{}{}{}", route.name(), kWithout, fmt::join(pools, "+")));
  const auto is_struck = [&](const std::string& pool) { return pools.contains(pool); };
  left.clear_split();
  for (const v1::RouteSplit& part : route.split()) {
    if (!is_struck(part.pool())) *left.add_split() = part;
  }
  left.clear_fallback();
  for (const std::string& pool : route.fallback()) {
    if (!is_struck(pool)) left.add_fallback(pool);
  }
  left.clear_rollouts();
  for (const v1::RolloutSplit& rollout : route.rollouts()) {
    if (!is_struck(rollout.stable()) && !is_struck(rollout.candidate()))
      *left.add_rollouts() = rollout;
  }
  if (has_weight(left)) return left;
  if (left.fallback().empty()) return std::nullopt;
  promote_fallback(left);
  return left;
}

bool stems_from(const v1::RouteEntry& entry, std::string_view route) {
  const std::string_view name = entry.name();
  return name == route ||
         (name.starts_with(route) && name.substr(route.size()).starts_with(kWithout));
}

}  // namespace sluice::controlplane

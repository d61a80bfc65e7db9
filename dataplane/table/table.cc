// SPDX-License-Identifier: Apache-2.0
//
// Questions that are asked of a table beside steering.
#include "dataplane/table/table.h"

#include <algorithm>

namespace sluice::dataplane {

bool Table::is_eligible(ServiceIndex service, ClassIndex client_class,
                        PoolIndex pool) const noexcept {
  const std::vector<PoolIndex>& eligible = row(service, client_class).eligible;
  return std::binary_search(eligible.begin(), eligible.end(), pool);
}

namespace {

bool has_target(const Route& route, PoolIndex pool, TargetId target) noexcept {
  return std::ranges::any_of(route.uses, [&](const Route::PoolUse& use) {
    return use.pool == pool && std::ranges::find(use.targets, target) != use.targets.end();
  });
}

}  // namespace

bool Table::is_evicted(ServiceIndex service, ClassIndex client_class, PoolIndex pool,
                       TargetId target) const noexcept {
  const SteeringRow& steering = row(service, client_class);
  if (!steering.evicts) return false;
  bool is_given_up = false;
  const auto judge = [&](RouteIndex index) {
    if (index.is_none()) return false;
    const bool evicts = std::ranges::binary_search(routes[index.value].evicted, pool);
    is_given_up |= evicts;
    if (!has_target(routes[index.value], pool, target)) return false;
    is_given_up = evicts;  // its own route alone has a say
    return true;
  };
  for (const RouteIndex index : steering.conditional) {
    if (judge(index)) return is_given_up;
  }
  judge(steering.route);
  return is_given_up;
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Rollouts' statuses on their way into the forwarding table.
#include "controlplane/service/rollout_table.h"

#include <algorithm>

#include "controlplane/planner/strike.h"
#include "controlplane/rollout/machine.h"

namespace sluice::controlplane {
namespace {

void lower_split(const v1::Rollout& rollout, const v1::RolloutStatus& status,
                 v1::RouteEntry& route) {
  auto& splits = *route.mutable_rollouts();
  for (int i = splits.size() - 1; i >= 0; --i) {
    if (splits[i].seed() != rollout.metadata().name()) continue;
    splits[i].set_weight(std::min(splits[i].weight(), status.weight()));
    if (!is_live(status)) splits[i].set_observe_age_ms(0);
    if (status.weight() == 0) splits.DeleteSubrange(i, 1);
  }
}

void set_evicted(const std::string& pool, bool is_evicted, v1::RouteEntry& route) {
  std::vector<std::string> evicted(route.evicted().begin(), route.evicted().end());
  std::erase(evicted, pool);
  if (is_evicted) evicted.push_back(pool);
  std::sort(evicted.begin(), evicted.end());
  *route.mutable_evicted() = {evicted.begin(), evicted.end()};
}

}  // namespace

std::vector<v1::RolloutStatus> with_status(const std::vector<v1::RolloutStatus>& statuses,
                                           const v1::RolloutStatus& status) {
  std::vector<v1::RolloutStatus> result;
  for (const v1::RolloutStatus& each : statuses) {
    if (each.rollout() != status.rollout()) result.push_back(each);
  }
  result.push_back(status);
  std::sort(result.begin(), result.end(),
            [](const auto& a, const auto& b) { return a.rollout() < b.rollout(); });
  return result;
}

v1::RolloutStatus status_of(const std::vector<v1::RolloutStatus>& statuses,
                            const std::string& rollout) {
  for (const v1::RolloutStatus& status : statuses) {
    if (status.rollout() == rollout) return status;
  }
  v1::RolloutStatus none;
  none.set_rollout(rollout);
  return none;
}

void lower_in_table(const v1::Rollout& rollout, const v1::RolloutStatus& status,
                    v1::ForwardingTable& table) {
  for (v1::RouteEntry& route : *table.mutable_routes()) {
    if (!stems_from(route, rollout.spec().route())) continue;
    lower_split(rollout, status, route);
    set_evicted(rollout.spec().candidate(), status.is_evicting(), route);
  }
}

}  // namespace sluice::controlplane

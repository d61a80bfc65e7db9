// SPDX-License-Identifier: Apache-2.0
//
// Which route steers the clients of a set to a service.
#include "controlplane/policy/route_choice.h"

#include <algorithm>
#include <utility>

namespace sluice::controlplane {
namespace {

std::vector<bool> matched_sets(const v1::LabelSelector& selector, std::span<const ClientSet> sets) {
  std::vector<bool> matched;
  for (const ClientSet& set : sets)
    matched.push_back(matches(selector, set.labels));
  return matched;
}

}  // namespace

RouteChoice::RouteChoice(const v1::Policy& policy, std::span<const ClientSet> sets) {
  for (int i = 0; i < policy.routes_size(); ++i) {
    const v1::RouteSpec& spec = policy.routes(i).spec();
    routes_of_[spec.service()].push_back(i);
    ranks_.emplace_back(spec.priority(), !matches_all(spec.clients()));
    const auto [found, added] = by_selector_.try_emplace(spec.clients().SerializeAsString());
    if (added) found->second = matched_sets(spec.clients(), sets);
    matched_.push_back(&found->second);
  }
}

RouteChoice::Best RouteChoice::best(const std::string& service, size_t set) const {
  Best best;
  const auto routes = routes_of_.find(service);
  if (routes == routes_of_.end()) return best;
  for (const int route : routes->second) {
    if (!(*matched_[static_cast<size_t>(route)])[set]) continue;
    const Rank rank = ranks_[static_cast<size_t>(route)];
    if (!best.route || rank > ranks_[static_cast<size_t>(*best.route)]) {
      best = {route, std::nullopt};
    } else if (!best.rival && rank == ranks_[static_cast<size_t>(*best.route)]) {
      best.rival = route;
    }
  }
  return best;
}

bool RouteChoice::matches_any(int route) const {
  const std::vector<bool>& matched = *matched_[static_cast<size_t>(route)];
  return std::find(matched.begin(), matched.end(), true) != matched.end();
}

}  // namespace sluice::controlplane

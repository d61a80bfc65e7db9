// SPDX-License-Identifier: Apache-2.0
//
// Which routes steer the clients of a set to a service.
#include "controlplane/policy/route_choice.h"

#include <algorithm>
#include <utility>

namespace sluice::controlplane {
namespace {

constexpr uint64_t kEveryDscp = ~uint64_t{0};

std::vector<bool> matched_sets(const v1::LabelSelector& selector, std::span<const ClientSet> sets) {
  std::vector<bool> matched;
  for (const ClientSet& set : sets)
    matched.push_back(matches(selector, set.labels));
  return matched;
}

uint64_t dscp_bits(const v1::RouteSpec& route) {
  if (route.dscp().empty()) return kEveryDscp;
  uint64_t bits = 0;
  for (const uint32_t value : route.dscp())
    bits |= value < 64 ? uint64_t{1} << value : 0;
  return bits;
}

}  // namespace

bool is_conditional(const v1::RouteSpec& route) {
  return !route.dscp().empty() || !route.times().empty();
}

RouteChoice::RouteChoice(const v1::Policy& policy, std::span<const ClientSet> sets) {
  for (int i = 0; i < policy.routes_size(); ++i) {
    const v1::RouteSpec& spec = policy.routes(i).spec();
    const auto [found, added] = by_selector_.try_emplace(spec.clients().SerializeAsString());
    if (added) found->second = matched_sets(spec.clients(), sets);
    const Rank rank{spec.priority(), !matches_all(spec.clients()),
                    controlplane::is_conditional(spec)};
    routes_.push_back({rank, &found->second, dscp_bits(spec), week_spans(spec.times())});
    routes_of_[spec.service()].push_back(i);
  }
  // Equals keep the order of their names, so that it does not depend on the files'.
  for (auto& [service, routes] : routes_of_) {
    std::sort(routes.begin(), routes.end(), [&](int a, int b) {
      if (routes_[place(a)].rank != routes_[place(b)].rank)
        return routes_[place(a)].rank > routes_[place(b)].rank;
      return policy.routes(a).metadata().name() < policy.routes(b).metadata().name();
    });
  }
}

bool RouteChoice::are_rivals(const Ranked& a, const Ranked& b) {
  return a.rank == b.rank && (a.dscp & b.dscp) != 0 && overlap(a.times, b.times);
}

RouteChoice::Best RouteChoice::best(const std::string& service, size_t set) const {
  Best best;
  const auto routes = routes_of_.find(service);
  if (routes == routes_of_.end()) return best;
  const auto note_rival = [&](int route, int other) {
    if (!best.rivals && are_rivals(routes_[place(route)], routes_[place(other)]))
      best.rivals = {std::min(route, other), std::max(route, other)};
  };
  for (const int route : routes->second) {
    if (!matches(route, set)) continue;
    if (best.route) {  // whatever stands behind it is never asked
      note_rival(*best.route, route);
      break;
    }
    for (const int other : best.conditional)
      note_rival(other, route);
    if (is_conditional(routes_[place(route)])) {
      best.conditional.push_back(route);
    } else {
      best.route = route;
    }
  }
  return best;
}

bool RouteChoice::matches_any(int route) const {
  const std::vector<bool>& matched = *routes_[place(route)].matched;
  return std::find(matched.begin(), matched.end(), true) != matched.end();
}

}  // namespace sluice::controlplane

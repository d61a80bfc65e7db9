// SPDX-License-Identifier: Apache-2.0
//
// Which routes steer the clients of a set to a service.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "controlplane/policy/client_sets.h"
#include "controlplane/policy/week_times.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// Whether the route is for some flows only, by their DSCP or the time at which they begin.
bool is_conditional(const v1::RouteSpec& route);

class RouteChoice {
 public:
  RouteChoice(const v1::Policy& policy, std::span<const ClientSet> sets);

  // The routes of the service that match the clients of sets[set], best first: by priority, then a
  // selector before {}, then conditions before none. Indexes into the policy's routes.
  struct Best {
    std::vector<int> conditional;  // tried in this order, before `route`
    std::optional<int> route;      // for every other flow; nullopt: they are rejected
    // The first two that are equally good for some flows: the policy is ambiguous.
    std::optional<std::pair<int, int>> rivals;

    bool steers() const { return route || !conditional.empty(); }
  };
  Best best(const std::string& service, size_t set) const;

  // Whether the route's selector matches any set at all.
  bool matches_any(int route) const;
  bool matches(int route, size_t set) const { return (*routes_[place(route)].matched)[set]; }

 private:
  // Priority, whether it has a selector, whether it has conditions.
  using Rank = std::tuple<int32_t, bool, bool>;
  struct Ranked {
    Rank rank;
    const std::vector<bool>* matched;  // which sets its selector matches
    uint64_t dscp = 0;                 // a bit per value
    std::vector<WeekSpan> times;       // empty: always
  };

  static size_t place(int route) { return static_cast<size_t>(route); }
  static bool is_conditional(const Ranked& route) { return std::get<2>(route.rank); }
  static bool are_rivals(const Ranked& a, const Ranked& b);

  std::unordered_map<std::string, std::vector<int>> routes_of_;  // by service, best first
  std::vector<Ranked> routes_;
  std::map<std::string, std::vector<bool>> by_selector_;  // equal selectors are evaluated once
};

}  // namespace sluice::controlplane

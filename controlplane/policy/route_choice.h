// SPDX-License-Identifier: Apache-2.0
//
// Which route steers the clients of a set to a service.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "controlplane/policy/client_sets.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

class RouteChoice {
 public:
  RouteChoice(const v1::Policy& policy, std::span<const ClientSet> sets);

  // The route of the service that matches the clients of sets[set] best, by priority, then a
  // selector before {}; and one that matches as well, when the policy is ambiguous. Indexes into
  // the policy's routes.
  struct Best {
    std::optional<int> route;  // nullopt: no route matches
    std::optional<int> rival;
  };
  Best best(const std::string& service, size_t set) const;

  // Whether the route's selector matches any set at all.
  bool matches_any(int route) const;

 private:
  using Rank = std::pair<int32_t, bool>;  // priority, then whether it has a selector

  std::unordered_map<std::string, std::vector<int>> routes_of_;  // by service
  std::vector<Rank> ranks_;                                      // by route
  std::vector<const std::vector<bool>*> matched_;  // by route: which sets its selector matches
  std::map<std::string, std::vector<bool>> by_selector_;  // equal selectors are evaluated once
};

}  // namespace sluice::controlplane

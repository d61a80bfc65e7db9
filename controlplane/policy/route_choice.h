// SPDX-License-Identifier: Apache-2.0
//
// Which route steers the clients of a set to a service.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "controlplane/policy/client_sets.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// Refers to the policy and the sets, which outlive it.
class RouteChoice {
 public:
  RouteChoice(const v1::Policy& policy, std::span<const ClientSet> sets);

  // The routes of the service that match the clients of sets[set] best, by priority, then a
  // selector before {}; none when no route matches, several when the policy is ambiguous. Indexes
  // into the policy's routes.
  std::vector<int> best(const std::string& service, size_t set) const;

  // Whether the route's selector matches any set at all.
  bool matches_any(int route) const;

 private:
  const v1::Policy& policy_;
  std::map<std::string, std::vector<int>> routes_of_;  // by service
  std::vector<const std::vector<bool>*> matched_;      // by route: which sets its selector matches
  std::map<std::string, std::vector<bool>> by_selector_;  // equal selectors are evaluated once
};

}  // namespace sluice::controlplane

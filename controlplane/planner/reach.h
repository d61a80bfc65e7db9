// SPDX-License-Identifier: Apache-2.0
//
// Whom the routes of one policy steer, and where to.
#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "controlplane/planner/eligibility.h"
#include "controlplane/policy/client_sets.h"
#include "controlplane/policy/route_choice.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// Refers to its arguments, which outlive it.
class Reach {
 public:
  Reach(const v1::Policy& policy, const ClientSets& clients);

  // Each (service, class) that one of these routes steers, with the route's position.
  using Steered = std::vector<std::pair<Audience, int>>;
  Steered steered_by(const std::set<std::string>& routes) const;

  // Names of the routes that can bring a client to the pool.
  const std::set<std::string>& routes_to(const std::string& pool) const;

  // Names of the routes that steer the set's clients to the service, in the order of asking.
  std::vector<std::string> routes_of(const std::string& service, size_t set) const;

  const v1::Policy& policy() const { return policy_; }
  const std::vector<ClientSet>& sets() const { return clients_.sets; }
  const Eligibility& eligibility() const { return eligibility_; }
  // Positions; -1: there is none.
  int guardrail(const std::string& name) const;
  int service(const std::string& name) const;

 private:
  const v1::Policy& policy_;
  const ClientSets& clients_;
  Eligibility eligibility_;
  RouteChoice choice_;
  std::map<std::string, std::set<std::string>> routes_to_;
  std::unordered_map<std::string, int> guardrails_;  // positions, by name; likewise the next
  std::unordered_map<std::string, int> services_;
};

}  // namespace sluice::controlplane

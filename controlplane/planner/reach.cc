// SPDX-License-Identifier: Apache-2.0
//
// Whom the routes of one policy steer, and where to.
#include "controlplane/planner/reach.h"

namespace sluice::controlplane {
namespace {

template <typename Objects>
std::unordered_map<std::string, int> positions_of(const Objects& objects) {
  std::unordered_map<std::string, int> positions;
  for (int i = 0; i < objects.size(); ++i)
    positions.emplace(objects[i].metadata().name(), i);
  return positions;
}

int find(const std::unordered_map<std::string, int>& positions, const std::string& name) {
  const auto found = positions.find(name);
  return found == positions.end() ? -1 : found->second;
}

}  // namespace

Reach::Reach(const v1::Policy& policy, const ClientSets& clients)
    : policy_(policy),
      clients_(clients),
      eligibility_(policy, clients.sets),
      choice_(policy, clients.sets),
      guardrails_(positions_of(policy.guardrails())),
      services_(positions_of(policy.services())) {
  for (const v1::Route& route : policy.routes()) {
    for (const v1::SplitEntry& entry : route.spec().split())
      routes_to_[entry.pool()].insert(route.metadata().name());
    for (const std::string& pool : route.spec().fallback())
      routes_to_[pool].insert(route.metadata().name());
  }
  for (const v1::Rollout& rollout : policy.rollouts())
    routes_to_[rollout.spec().candidate()].insert(rollout.spec().route());
}

Reach::Steered Reach::steered_by(const std::set<std::string>& routes) const {
  Steered steered;
  std::set<std::string> services;
  for (const v1::Route& route : policy_.routes()) {
    if (routes.contains(route.metadata().name())) services.insert(route.spec().service());
  }
  for (int i = 0; i < policy_.services_size() && !services.empty(); ++i) {
    const std::string& name = policy_.services(i).metadata().name();
    if (!services.contains(name)) continue;
    for (size_t set = 0; set < clients_.sets.size(); ++set) {
      const RouteChoice::Best best = choice_.best(name, set);
      std::vector<int> all = best.conditional;
      if (best.route) all.push_back(*best.route);
      for (const int route : all) {
        if (routes.contains(policy_.routes(route).metadata().name()))
          steered.push_back({{i, set}, route});
      }
    }
  }
  return steered;
}

const std::set<std::string>& Reach::routes_to(const std::string& pool) const {
  static const std::set<std::string> kNone;
  const auto found = routes_to_.find(pool);
  return found == routes_to_.end() ? kNone : found->second;
}

std::vector<std::string> Reach::routes_of(const std::string& service, size_t set) const {
  const RouteChoice::Best best = choice_.best(service, set);
  std::vector<std::string> names;
  for (const int route : best.conditional)
    names.push_back(policy_.routes(route).metadata().name());
  if (best.route) names.push_back(policy_.routes(*best.route).metadata().name());
  return names;
}

int Reach::guardrail(const std::string& name) const {
  return find(guardrails_, name);
}

int Reach::service(const std::string& name) const {
  return find(services_, name);
}

}  // namespace sluice::controlplane

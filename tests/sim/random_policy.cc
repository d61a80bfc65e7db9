// SPDX-License-Identifier: Apache-2.0
//
// Random policies over a small world.
#include "tests/sim/random_policy.h"

#include <algorithm>

namespace sluice::testing {
namespace {

constexpr size_t kPools = 6, kServices = 2, kGuardrails = 3;
constexpr const char* kRegions[] = {"eu", "us", "acme", "unknown"};
constexpr const char* kPlaces[] = {"eu", "eu", "us"};
constexpr const char* kApprovals[] = {"approved", "approved", "trial"};
constexpr const char* kClients[] = {"198.51.100.7",  "198.51.100.70", "192.0.2.9",    "198.18.7.1",
                                    "2001:db8:e::5", "2001:db8:a::5", "2001:db8:b::5"};

std::string pool_name(size_t number) {
  return "pool-" + std::to_string(number);
}

template <class List>
void shuffle(List& list, std::mt19937_64& random) {
  std::shuffle(list.begin(), list.end(), random);
}

}  // namespace

std::string RandomPolicy::client() {
  return one_of(kClients);
}

std::string RandomPolicy::service_address(bool is_v4) {
  const std::string number = std::to_string(below(kServices));
  return is_v4 ? "203.0.113.1" + number : "2001:db8:f::1" + number;
}

void RandomPolicy::set_place(google::protobuf::Map<std::string, std::string>& labels) {
  labels["jurisdiction"] = one_of(kPlaces);
  if (below(5) != 0) labels["approval"] = one_of(kApprovals);
}

v1::ClientClass RandomPolicy::client_class(size_t number) {
  v1::ClientClass made;
  made.mutable_metadata()->set_name(kRegions[number]);
  // acme's clients are in the EU and say nothing of it themselves, most of the time.
  if (number == 2) {
    (*made.mutable_metadata()->mutable_labels())["tenant"] = "acme";
    if (below(4) == 0) (*made.mutable_metadata()->mutable_labels())["region"] = one_of(kRegions);
  } else {
    (*made.mutable_metadata()->mutable_labels())["region"] = kRegions[number];
  }
  const std::vector<std::vector<std::string>> prefixes = {{"198.51.100.0/24", "2001:db8:e::/48"},
                                                          {"192.0.2.0/24", "2001:db8:a::/48"},
                                                          {"198.51.100.64/26"},
                                                          {}};
  for (const std::string& prefix : prefixes[number])
    made.mutable_spec()->add_prefixes(prefix);
  return made;
}

v1::Pool RandomPolicy::pool(size_t number) {
  v1::Pool made;
  made.mutable_metadata()->set_name(pool_name(number));
  set_place(*made.mutable_metadata()->mutable_labels());
  made.mutable_spec()->set_table_slots(251);
  const size_t backends = 1 + below(3);
  for (size_t i = 0; i < backends; ++i) {
    v1::Backend& backend = *made.mutable_spec()->add_backends();
    backend.set_name("b" + std::to_string(i));
    backend.set_address("10.9." + std::to_string(number) + "." + std::to_string(1 + i));
    backend.set_weight(static_cast<uint32_t>(below(4)));
    if (below(6) == 0) (*backend.mutable_labels())["jurisdiction"] = one_of(kPlaces);
  }
  return made;
}

v1::Service RandomPolicy::service(size_t number) {
  v1::Service made;
  made.mutable_metadata()->set_name("service-" + std::to_string(number));
  (*made.mutable_metadata()->mutable_labels())["tier"] = below(2) == 0 ? "gold" : "plain";
  made.mutable_spec()->add_addresses("203.0.113.1" + std::to_string(number));
  made.mutable_spec()->add_addresses("2001:db8:f::1" + std::to_string(number));
  made.mutable_spec()->add_ports("tcp/80");
  made.mutable_spec()->add_ports("udp/443");
  made.mutable_spec()->set_affinity(below(2) == 0 ? v1::AFFINITY_CLIENT : v1::AFFINITY_FLOW);
  return made;
}

v1::Route RandomPolicy::route(size_t service, bool is_default) {
  v1::Route made;
  const std::string name = "route-" + std::to_string(service);
  made.mutable_metadata()->set_name(is_default ? name : name + "-own");
  made.mutable_spec()->set_service("service-" + std::to_string(service));
  if (!is_default) {
    (*made.mutable_spec()->mutable_clients()->mutable_match_labels())["region"] = one_of(kRegions);
  }
  std::vector<std::string> pools;
  for (size_t i = 0; i < kPools; ++i)
    pools.push_back(pool_name(i));
  shuffle(pools, random_);
  const size_t parts = 1 + below(2);
  for (size_t i = 0; i < parts; ++i) {
    v1::SplitEntry& part = *made.mutable_spec()->add_split();
    part.set_pool(pools[i]);
    part.set_weight(static_cast<uint32_t>(i == 0 ? 1 + below(3) : below(3)));
  }
  for (size_t i = 0; i < below(3); ++i)
    made.mutable_spec()->add_fallback(pools[i + 1]);
  if (!is_default && below(3) == 0) made.mutable_spec()->add_dscp(46);
  return made;
}

void RandomPolicy::require_one(v1::LabelSelector& selector) {
  v1::LabelRequirement& requirement = *selector.add_match_expressions();
  const bool is_place = below(2) == 0;
  requirement.set_key(is_place ? "jurisdiction" : "approval");
  switch (below(4)) {
    case 0:
      requirement.set_operator_(v1::LabelRequirement::OPERATOR_NOT_IN);
      requirement.add_values(is_place ? "us" : "trial");
      break;
    case 1:
      requirement.set_operator_(v1::LabelRequirement::OPERATOR_EXISTS);
      break;
    default:
      requirement.set_operator_(v1::LabelRequirement::OPERATOR_IN);
      requirement.add_values(is_place ? "eu" : "approved");
  }
}

v1::Guardrail RandomPolicy::guardrail(size_t number) {
  v1::Guardrail made;
  made.mutable_metadata()->set_name("guardrail-" + std::to_string(number));
  v1::GuardrailSpec& spec = *made.mutable_spec();
  require_one(*spec.mutable_require());
  if (below(4) != 0) (*spec.mutable_clients()->mutable_match_labels())["region"] = one_of(kRegions);
  if (below(4) == 0) (*spec.mutable_services()->mutable_match_labels())["tier"] = "gold";
  if (below(6) == 0) spec.set_mode(v1::GuardrailSpec::MODE_MONITOR);
  return made;
}

v1::Rollout RandomPolicy::rollout(const v1::Policy& policy, size_t number) {
  v1::Rollout made;
  made.mutable_metadata()->set_name("rollout-" + std::to_string(number));
  const v1::Route& route =
      policy.routes(static_cast<int>(below(static_cast<size_t>(policy.routes_size()))));
  made.mutable_spec()->set_route(route.metadata().name());
  made.mutable_spec()->set_stable(route.spec().split(0).pool());
  made.mutable_spec()->set_candidate(pool_name(below(kPools)));
  for (const uint32_t weight : {100'000u, 500'000u, 1'000'000u})
    made.mutable_spec()->add_steps()->set_weight(weight);
  return made;
}

v1::Policy RandomPolicy::whole() {
  v1::Policy policy;
  for (size_t i = 0; i < std::size(kRegions); ++i)
    *policy.add_client_classes() = client_class(i);
  for (size_t i = 0; i < kPools; ++i)
    *policy.add_pools() = pool(i);
  for (size_t i = 0; i < kServices; ++i) {
    *policy.add_services() = service(i);
    *policy.add_routes() = route(i, true);
  }
  return policy;
}

void RandomPolicy::edit(v1::Policy& policy) {
  const auto replace = [](auto& list, auto made) {
    const auto same = [&](const auto& each) {
      return each.metadata().name() == made.metadata().name();
    };
    const auto found = std::find_if(list.begin(), list.end(), same);
    if (found == list.end()) {
      *list.Add() = std::move(made);
    } else {
      *found = std::move(made);
    }
  };
  switch (below(8)) {
    case 0:
      return replace(*policy.mutable_client_classes(), client_class(below(std::size(kRegions))));
    case 1:
    case 2:
      return replace(*policy.mutable_pools(), pool(below(kPools)));
    case 3:
      return replace(*policy.mutable_services(), service(below(kServices)));
    case 4:
      return replace(*policy.mutable_routes(), route(below(kServices), below(2) == 0));
    case 5:
      if (policy.guardrails().empty() || below(2) == 0)
        return replace(*policy.mutable_guardrails(), guardrail(below(kGuardrails)));
      return policy.mutable_guardrails()->RemoveLast();
    case 6:
      return replace(*policy.mutable_rollouts(), rollout(policy, below(2)));
    default:
      policy.clear_rollouts();
  }
}

std::vector<v1::RolloutStatus> RandomPolicy::progress(const v1::Policy& policy) {
  std::vector<v1::RolloutStatus> found;
  for (const v1::Rollout& rollout : policy.rollouts()) {
    v1::RolloutStatus& status = found.emplace_back();
    status.set_rollout(rollout.metadata().name());
    status.set_phase(v1::ROLLOUT_PHASE_PROGRESSING);
    status.set_weight(static_cast<uint32_t>(below(5) * 250'000));
    status.set_is_evicting(status.weight() == 0 && below(2) == 0);
  }
  return found;
}

}  // namespace sluice::testing

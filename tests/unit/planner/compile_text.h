// SPDX-License-Identifier: Apache-2.0
//
// Policies of planner tests: a small base in text, compiled together with more of it.
#pragma once

#include <string>
#include <vector>

#include "controlplane/planner/compile.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/policy_text.h"

namespace sluice::controlplane {

// Lines 1 to 6: a service, classes eu and acme in it, pools in the EU, in the US and on trial in
// the EU.
inline constexpr const char* kGovernedBase =
    "--- {kind: Service, metadata: {name: s, labels: {tier: gold}}, "
    "spec: {addresses: [203.0.113.1], ports: [tcp/80]}}\n"
    "--- {kind: ClientClass, metadata: {name: eu, labels: {region: eu}}, "
    "spec: {prefixes: [198.51.100.0/24]}}\n"
    "--- {kind: ClientClass, metadata: {name: acme, labels: {tenant: acme}}, "
    "spec: {prefixes: [198.51.100.64/26]}}\n"
    "--- {kind: Pool, metadata: {name: p-eu, labels: {jurisdiction: eu}}, "
    "spec: {backends: [{name: b, address: 10.0.0.1}]}}\n"
    "--- {kind: Pool, metadata: {name: p-us, labels: {jurisdiction: us}}, "
    "spec: {backends: [{name: b, address: 10.0.0.2}]}}\n"
    "--- {kind: Pool, metadata: {name: trial, labels: {jurisdiction: eu, approval: trial}}, "
    "spec: {backends: [{name: b, address: 10.0.0.3}]}}\n";

inline std::string governed_object(const std::string& kind, const std::string& name,
                                   const std::string& spec) {
  return "--- {kind: " + kind + ", metadata: {name: " + name + "}, spec: {" + spec + "}}\n";
}

inline const std::string kResidency =
    governed_object("Guardrail", "residency",
                    "clients: {match_labels: {region: eu}}, "
                    "require: {match_labels: {jurisdiction: eu}}");

inline v1::RolloutStatus rollout_status(const std::string& name, v1::RolloutPhase phase,
                                        uint32_t weight) {
  v1::RolloutStatus status;
  status.set_rollout(name);
  status.set_phase(phase);
  status.set_weight(weight);
  return status;
}

// `more` begins on line 7.
inline ParsedPolicy parse_governed(const std::string& more) {
  Violations violations;
  ParsedPolicy parsed = parse_text(kGovernedBase + more, violations);
  validate_policy(parsed.policy, client_sets(parsed.policy), parsed.source, violations);
  EXPECT_THAT(to_strings(violations), testing::IsEmpty());
  return parsed;
}

inline CompileResult compile_governed(const std::string& more,
                                      std::vector<v1::RolloutStatus> rollouts = {},
                                      const CompileOptions& options = {}) {
  const ParsedPolicy parsed = parse_governed(more);
  return compile_policy(parsed.policy, client_sets(parsed.policy), parsed.source,
                        {.steering_key = test_steering_key(), .rollouts = std::move(rollouts)},
                        options);
}

inline const v1::RouteEntry& route_named(const v1::ForwardingTable& table,
                                         const std::string& name) {
  for (const v1::RouteEntry& route : table.routes()) {
    if (route.name() == name) return route;
  }
  ADD_FAILURE() << "no route " << name;
  return v1::RouteEntry::default_instance();
}

inline const v1::SteeringEntry& steering_of(const v1::ForwardingTable& table,
                                            const std::string& client_class) {
  for (const v1::SteeringEntry& row : table.steering()) {
    if (row.client_class() == client_class) return row;
  }
  ADD_FAILURE() << "no class " << client_class;
  return v1::SteeringEntry::default_instance();
}

}  // namespace sluice::controlplane

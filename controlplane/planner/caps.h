// SPDX-License-Identifier: Apache-2.0
//
// Which routes give pools more than a guardrail's cap allows.
#pragma once

#include <set>
#include <span>
#include <string>
#include <vector>

#include "controlplane/policy/parse.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// One reason why a cap does not hold for a route, whoever its clients are.
struct CapBreach {
  int guardrail = 0;            // position in the policy
  std::string path;             // "Route/r.spec.split", "Rollout/x.spec.steps[2].weight" …
  std::string reason;           // "pool trial gets 100000 of 1000000, at most 50000 is allowed"
  std::set<std::string> pools;  // of the route, that the cap is about
};

// By position of the route. A rollout counts with every step that it declares and with its present
// weight; several rollouts of a route, each with the largest.
std::vector<std::vector<CapBreach>> find_cap_breaches(const v1::Policy& policy,
                                                      std::span<const v1::RolloutStatus> rollouts);

// The same for a route that is no route of the policy's but what is left of one.  Shape: `rollouts`
// are those of its own that are left too.
std::vector<CapBreach> find_cap_breaches(const v1::Policy& policy, const v1::Route& route,
                                         std::span<const v1::Rollout* const> rollouts,
                                         std::span<const v1::RolloutStatus> statuses);

// Guardrail/g.spec.caps[i] whose pools would take over the whole route if its other pools fail.
struct CapRisk {
  int guardrail = 0;
  int route = 0;
  std::set<std::string> pools;
};
std::vector<CapRisk> find_cap_risks(const v1::Policy& policy);

}  // namespace sluice::controlplane

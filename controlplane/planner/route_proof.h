// SPDX-License-Identifier: Apache-2.0
//
// Whether a route keeps the guardrails for some clients of its service.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "controlplane/planner/caps.h"
#include "controlplane/planner/eligibility.h"
#include "controlplane/policy/client_sets.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/violation.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// One way in which a route breaks one guardrail.
struct Leak {
  int guardrail = 0;               // position in the policy
  std::string path;                // where the pool is named
  std::vector<std::string> pools;  // that may not be reached, or not with such a share
  std::string reason;
  bool is_about_share = false;
};

Leak to_leak(const CapBreach& breach);

// Refers to its arguments, which outlive it.
class RouteProof {
 public:
  RouteProof(const v1::Policy& policy, const Eligibility& eligibility,
             std::span<const v1::RolloutStatus> rollouts);

  // How the route breaks the guardrails of one mode that cover the audience: pools of its split,
  // fallback and rollouts in this order, then caps.
  std::vector<Leak> leaks(const Audience& audience, int route, GuardrailMode mode) const;

  const std::vector<const v1::Rollout*>& rollouts_of(int route) const {
    return rollouts_of_[static_cast<size_t>(route)];
  }

 private:
  const v1::Policy& policy_;
  const Eligibility& eligibility_;
  std::vector<std::vector<const v1::Rollout*>> rollouts_of_;  // by route
  std::vector<std::vector<CapBreach>> breaches_;              // by route
  bool is_monitored_ = false;  // by some guardrail; asking for what none monitors costs nothing
};

// `client class eu of service s could reach pool p-us, which guardrail residency (p.yaml:6)
// forbids: …`, at the leak's path.
Violation to_violation(const Leak& leak, GuardrailMode mode, const v1::Guardrail& guardrail,
                       const std::string& service, const std::string& client_class,
                       const SourceMap& source);

}  // namespace sluice::controlplane

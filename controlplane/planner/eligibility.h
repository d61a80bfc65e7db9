// SPDX-License-Identifier: Apache-2.0
//
// The guardrail proof: which pools may serve which clients of which services.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "controlplane/policy/client_sets.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// A position of a service, of a client set.
struct Audience {
  int service;
  size_t set;
};

enum class GuardrailMode { kEnforce, kMonitor };
GuardrailMode mode_of(const v1::Guardrail& guardrail);

struct Objection {
  int guardrail;       // position in the policy
  std::string reason;  // `label jurisdiction is "us", must be in [eu]`
};

// Refers to the policy and the sets, which outlive it.
class Eligibility {
 public:
  Eligibility(const v1::Policy& policy, std::span<const ClientSet> sets);

  // Why the audience may not reach the pool, or would not if monitoring guardrails were enforced,
  // one per guardrail of that mode.
  std::vector<Objection> objections(const Audience& audience, const std::string& pool,
                                    GuardrailMode mode = GuardrailMode::kEnforce) const;
  bool is_eligible(const Audience& audience, const std::string& pool) const;

  bool covers(int guardrail, const Audience& audience) const;
  // What this guardrail alone says of the pool, whomever it covers.
  bool allows(int guardrail, const std::string& pool) const;

  // Whether any service, any clients, are covered by the guardrail.
  bool covers_services(int guardrail) const;
  bool covers_clients(int guardrail) const;

 private:
  // What one guardrail says about everything, evaluated once.
  struct Verdicts {
    GuardrailMode mode;
    std::vector<bool> services;  // by position: covered
    std::vector<bool> sets;
    std::map<std::string, std::string> objections;  // by pool; absent: none
  };

  std::vector<Verdicts> guardrails_;
};

}  // namespace sluice::controlplane

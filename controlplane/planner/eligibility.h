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

struct Objection {
  int guardrail;       // position in the policy
  std::string reason;  // `label jurisdiction is "us", must be in [eu]`
};

// Refers to the policy and the sets, which outlive it.
class Eligibility {
 public:
  Eligibility(const v1::Policy& policy, std::span<const ClientSet> sets);

  // Why the audience may not reach the pool, one per guardrail; none when the pool is eligible.
  std::vector<Objection> objections(const Audience& audience, const std::string& pool) const;
  bool is_eligible(const Audience& audience, const std::string& pool) const;

  // Whether any service, any clients, are covered by the guardrail.
  bool covers_services(int guardrail) const;
  bool covers_clients(int guardrail) const;

 private:
  // What one guardrail says about everything, evaluated once.
  struct Verdicts {
    std::vector<bool> services;  // by position: covered
    std::vector<bool> sets;
    std::map<std::string, std::string> objections;  // by pool; absent: none
  };
  bool covers(const Verdicts& verdicts, const Audience& audience) const;

  std::vector<Verdicts> guardrails_;
};

}  // namespace sluice::controlplane

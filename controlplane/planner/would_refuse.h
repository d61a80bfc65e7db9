// SPDX-License-Identifier: Apache-2.0
//
// Which flows monitoring guardrails would have refused, were they enforced.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/planner/eligibility.h"
#include "controlplane/policy/client_sets.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// The answers of one revision. Keeps nothing of the policy but names.  Thread: any, after
// construction.
class WouldRefuse {
 public:
  // Shape: `clients` are the policy's.
  WouldRefuse(const v1::Policy& policy, const ClientSets& clients);

  // Sorted names of the monitoring guardrails that would have kept flows of this class out of the
  // pool, as a whole: what holds for a pool must hold for each of its backends. None for names that
  // the revision does not have. Caps are about shares, so that no flow breaks one.
  // Cost: a look at each guardrail.
  std::vector<std::string> names(std::string_view service, std::string_view client_class,
                                 const std::string& pool) const;

 private:
  std::vector<std::string> guardrails_;  // by position in the policy
  std::map<std::string, int, std::less<>> services_;
  std::map<std::string, size_t, std::less<>> sets_;
  Eligibility eligibility_;
};

// Whether any guardrail of the policy monitors; if none does, no flow would be refused by one.
bool is_monitored(const v1::Policy& policy);

}  // namespace sluice::controlplane

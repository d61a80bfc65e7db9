// SPDX-License-Identifier: Apache-2.0
//
// Which flows monitoring guardrails would have refused, were they enforced.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "controlplane/planner/eligibility.h"
#include "controlplane/policy/client_sets.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// The answers of one revision. Thread: any, after construction.
class WouldRefuse {
 public:
  // Shape: neither is null; `clients` are the policy's.
  WouldRefuse(std::shared_ptr<const v1::Policy> policy, std::shared_ptr<const ClientSets> clients);

  // Sorted names of the monitoring guardrails that would have kept flows of this class out of the
  // pool, as a whole: what holds for a pool must hold for each of its backends. None for names that
  // the revision does not have. Caps are about shares, so that no flow breaks one.
  // Alloc: none when no guardrail monitors.  Cost: a look at each guardrail.
  std::vector<std::string> names(std::string_view service, std::string_view client_class,
                                 const std::string& pool) const;

 private:
  std::shared_ptr<const v1::Policy> policy_;
  std::shared_ptr<const ClientSets> clients_;
  bool is_monitored_ = false;
  std::unordered_map<std::string_view, int> services_;  // names are the policy's and the sets'
  std::unordered_map<std::string_view, size_t> sets_;
  Eligibility eligibility_;
};

}  // namespace sluice::controlplane

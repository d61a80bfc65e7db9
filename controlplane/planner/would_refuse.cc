// SPDX-License-Identifier: Apache-2.0
//
// Which flows monitoring guardrails would have refused, were they enforced.
#include "controlplane/planner/would_refuse.h"

#include <algorithm>
#include <utility>

namespace sluice::controlplane {

WouldRefuse::WouldRefuse(std::shared_ptr<const v1::Policy> policy,
                         std::shared_ptr<const ClientSets> clients)
    : policy_(std::move(policy)),
      clients_(std::move(clients)),
      eligibility_(*policy_, clients_->sets) {
  for (int i = 0; i < policy_->services_size(); ++i)
    services_.emplace(policy_->services(i).metadata().name(), i);
  for (size_t i = 0; i < clients_->sets.size(); ++i)
    sets_.emplace(clients_->sets[i].name, i);
  is_monitored_ = std::any_of(
      policy_->guardrails().begin(), policy_->guardrails().end(),
      [](const auto& guardrail) { return mode_of(guardrail) == GuardrailMode::kMonitor; });
}

std::vector<std::string> WouldRefuse::names(std::string_view service, std::string_view client_class,
                                            const std::string& pool) const {
  std::vector<std::string> names;
  if (!is_monitored_) return names;
  const auto at = services_.find(service);
  const auto set = sets_.find(client_class);
  if (at == services_.end() || set == sets_.end()) return names;
  for (const Objection& objection :
       eligibility_.objections({at->second, set->second}, pool, GuardrailMode::kMonitor))
    names.push_back(policy_->guardrails(objection.guardrail).metadata().name());
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace sluice::controlplane

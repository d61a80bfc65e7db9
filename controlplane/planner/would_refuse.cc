// SPDX-License-Identifier: Apache-2.0
//
// Which flows monitoring guardrails would have refused, were they enforced.
#include "controlplane/planner/would_refuse.h"

#include <algorithm>

namespace sluice::controlplane {

bool is_monitored(const v1::Policy& policy) {
  return std::any_of(policy.guardrails().begin(), policy.guardrails().end(),
                     [](const auto& each) { return mode_of(each) == GuardrailMode::kMonitor; });
}

WouldRefuse::WouldRefuse(const v1::Policy& policy, const ClientSets& clients)
    : eligibility_(policy, clients.sets) {
  for (const v1::Guardrail& guardrail : policy.guardrails())
    guardrails_.push_back(guardrail.metadata().name());
  for (int i = 0; i < policy.services_size(); ++i)
    services_.emplace(policy.services(i).metadata().name(), i);
  for (size_t i = 0; i < clients.sets.size(); ++i)
    sets_.emplace(clients.sets[i].name, i);
}

std::vector<std::string> WouldRefuse::names(std::string_view service, std::string_view client_class,
                                            const std::string& pool) const {
  std::vector<std::string> names;
  const auto at = services_.find(service);
  const auto set = sets_.find(client_class);
  if (at == services_.end() || set == sets_.end()) return names;
  for (const Objection& objection :
       eligibility_.objections({at->second, set->second}, pool, GuardrailMode::kMonitor))
    names.push_back(guardrails_[static_cast<size_t>(objection.guardrail)]);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The guardrail proof: which pools may serve which clients of which services.
#include "controlplane/planner/eligibility.h"

#include <algorithm>

#include "controlplane/policy/selector.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

// What holds for a pool must hold for every backend in it, whose labels overlay the pool's.
std::optional<std::string> objection(const v1::LabelSelector& require, const v1::Pool& pool) {
  const Labels labels = to_labels(pool.metadata().labels());
  if (auto reason = mismatch(require, labels)) return reason;
  for (const v1::Backend& backend : pool.spec().backends()) {
    if (backend.labels().empty()) continue;  // it has the pool's
    if (const auto reason = mismatch(require, overlaid(labels, backend.labels()))) {
      return fmt::format("backend {}: {}", backend.name(), *reason);
    }
  }
  return std::nullopt;
}

bool any(const std::vector<bool>& covered) {
  return std::find(covered.begin(), covered.end(), true) != covered.end();
}

}  // namespace

GuardrailMode mode_of(const v1::Guardrail& guardrail) {
  return guardrail.spec().mode() == v1::GuardrailSpec::MODE_MONITOR ? GuardrailMode::kMonitor
                                                                    : GuardrailMode::kEnforce;
}

Eligibility::Eligibility(const v1::Policy& policy, std::span<const ClientSet> sets) {
  for (const v1::Guardrail& guardrail : policy.guardrails()) {
    const v1::GuardrailSpec& spec = guardrail.spec();
    Verdicts& verdicts = guardrails_.emplace_back();
    verdicts.mode = mode_of(guardrail);
    for (const v1::Service& service : policy.services()) {
      verdicts.services.push_back(matches(spec.services(), to_labels(service.metadata().labels())));
    }
    for (const ClientSet& set : sets)
      verdicts.sets.push_back(matches(spec.clients(), set.labels));
    for (const v1::Pool& pool : policy.pools()) {
      if (auto reason = objection(spec.require(), pool)) {
        verdicts.objections.emplace(pool.metadata().name(), *std::move(reason));
      }
    }
  }
}

bool Eligibility::covers(int guardrail, const Audience& audience) const {
  const Verdicts& verdicts = guardrails_[static_cast<size_t>(guardrail)];
  return verdicts.services[static_cast<size_t>(audience.service)] && verdicts.sets[audience.set];
}

bool Eligibility::allows(int guardrail, const std::string& pool) const {
  return !guardrails_[static_cast<size_t>(guardrail)].objections.contains(pool);
}

std::vector<Objection> Eligibility::objections(const Audience& audience, const std::string& pool,
                                               GuardrailMode mode) const {
  std::vector<Objection> found;
  for (int i = 0; i < static_cast<int>(guardrails_.size()); ++i) {
    const Verdicts& verdicts = guardrails_[static_cast<size_t>(i)];
    if (verdicts.mode != mode || !covers(i, audience)) continue;
    const auto objection = verdicts.objections.find(pool);
    if (objection == verdicts.objections.end()) continue;
    found.push_back({i, objection->second});
  }
  return found;
}

bool Eligibility::is_eligible(const Audience& audience, const std::string& pool) const {
  for (int i = 0; i < static_cast<int>(guardrails_.size()); ++i) {
    const bool enforces = guardrails_[static_cast<size_t>(i)].mode == GuardrailMode::kEnforce;
    if (enforces && covers(i, audience) && !allows(i, pool)) return false;
  }
  return true;
}

bool Eligibility::covers_services(int guardrail) const {
  return any(guardrails_[static_cast<size_t>(guardrail)].services);
}

bool Eligibility::covers_clients(int guardrail) const {
  return any(guardrails_[static_cast<size_t>(guardrail)].sets);
}

}  // namespace sluice::controlplane

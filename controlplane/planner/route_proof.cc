// SPDX-License-Identifier: Apache-2.0
//
// Whether a route keeps the guardrails for some clients of its service.
#include "controlplane/planner/route_proof.h"

#include <algorithm>
#include <unordered_map>

#include "controlplane/policy/kinds.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

// Calls `visit(pool, path)` for each pool that the route or a rollout of it names, once, the split
// before fallback before candidates; `path()` is where.
template <typename Visit>
void for_each_named_pool(const v1::Route& route, const std::vector<const v1::Rollout*>& rollouts,
                         const Visit& visit) {
  const auto path = [&](const char* list, int i, const char* field) {
    return fmt::format("{}.spec.{}[{}]{}", object_path("Route", route.metadata().name(), 0), list,
                       i, field);
  };
  const auto& split = route.spec().split();
  const auto& fallback = route.spec().fallback();
  const auto in_split = [&](const std::string& pool) {
    return std::any_of(split.begin(), split.end(),
                       [&](const auto& entry) { return entry.pool() == pool; });
  };
  for (int i = 0; i < split.size(); ++i)
    visit(split[i].pool(), [&] { return path("split", i, ".pool"); });
  for (int i = 0; i < fallback.size(); ++i) {
    if (!in_split(fallback[i])) visit(fallback[i], [&] { return path("fallback", i, ""); });
  }
  for (const v1::Rollout* rollout : rollouts) {
    const std::string& pool = rollout->spec().candidate();
    if (in_split(pool) || std::find(fallback.begin(), fallback.end(), pool) != fallback.end())
      continue;
    visit(pool, [&] {
      return object_path("Rollout", rollout->metadata().name(), 0) + ".spec.candidate";
    });
  }
}

}  // namespace

Leak to_leak(const CapBreach& breach) {
  return {breach.guardrail,
          breach.path,
          {breach.pools.begin(), breach.pools.end()},
          breach.reason,
          true};
}

RouteProof::RouteProof(const v1::Policy& policy, const Eligibility& eligibility,
                       std::span<const v1::RolloutStatus> rollouts)
    : policy_(policy),
      eligibility_(eligibility),
      rollouts_of_(static_cast<size_t>(policy.routes_size())),
      breaches_(find_cap_breaches(policy, rollouts)) {
  std::unordered_map<std::string_view, size_t> places;
  for (int i = 0; i < policy.routes_size(); ++i)
    places.emplace(policy.routes(i).metadata().name(), static_cast<size_t>(i));
  for (const v1::Rollout& rollout : policy.rollouts()) {
    const auto route = places.find(rollout.spec().route());
    if (route != places.end()) rollouts_of_[route->second].push_back(&rollout);
  }
  is_monitored_ = std::any_of(
      policy.guardrails().begin(), policy.guardrails().end(),
      [](const auto& guardrail) { return mode_of(guardrail) == GuardrailMode::kMonitor; });
}

std::vector<Leak> RouteProof::leaks(const Audience& audience, int route, GuardrailMode mode) const {
  std::vector<Leak> leaks;
  if (mode == GuardrailMode::kMonitor && !is_monitored_) return leaks;
  for_each_named_pool(
      policy_.routes(route), rollouts_of(route), [&](const std::string& pool, const auto& path) {
        if (mode == GuardrailMode::kEnforce && eligibility_.is_eligible(audience, pool)) return;
        for (Objection& objection : eligibility_.objections(audience, pool, mode))
          leaks.push_back({objection.guardrail, path(), {pool}, std::move(objection.reason)});
      });
  for (const CapBreach& breach : breaches_[static_cast<size_t>(route)]) {
    if (mode_of(policy_.guardrails(breach.guardrail)) != mode) continue;
    if (!eligibility_.covers(breach.guardrail, audience)) continue;
    leaks.push_back(to_leak(breach));
  }
  return leaks;
}

Violation to_violation(const Leak& leak, GuardrailMode mode, const v1::Guardrail& guardrail,
                       const std::string& service, const std::string& client_class,
                       const SourceMap& source) {
  const std::string& name = guardrail.metadata().name();
  const SourceMap::Location at = source.find(leak.path);
  const SourceMap::Location rule = source.find(object_path("Guardrail", name, 0));
  const std::string place = rule.line == 0 ? "" : fmt::format(" ({}:{})", rule.file, rule.line);
  const bool is_refusal = mode == GuardrailMode::kEnforce;
  const std::string forbids = fmt::format("guardrail {}{} {}", name, place,
                                          is_refusal ? "forbids" : "(monitor) would forbid");
  const std::string whom = fmt::format("client class {} of service {}", client_class, service);
  return {at.file, at.line, leak.path,
          leak.is_about_share ? fmt::format("{} for {}: {}", forbids, whom, leak.reason)
                              : fmt::format("{} could reach pool {}, which {}: {}", whom,
                                            leak.pools.front(), forbids, leak.reason)};
}

}  // namespace sluice::controlplane

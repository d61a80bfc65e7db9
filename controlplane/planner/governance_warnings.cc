// SPDX-License-Identifier: Apache-2.0
//
// What guardrails, caps and ends of pools mean together, where that is probably not meant.
#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/planner/caps.h"
#include "controlplane/planner/warnings.h"
#include "controlplane/policy/checker.h"
#include "controlplane/policy/kinds.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace sluice::controlplane {
namespace {

constexpr int64_t kSoon = 7 * 86'400;  // seconds: a working week to renew what ends

class GovernanceWarner {
 public:
  GovernanceWarner(const CompiledParts& parts, const SourceMap& source, Violations& warnings)
      : parts_(parts), source_(source), warnings_(warnings) {}

  void run() {
    for (int i = 0; i < parts_.policy.services_size(); ++i)
      warn_service(i);
    for (const v1::Guardrail& guardrail : parts_.policy.guardrails())
      warn_monitor(guardrail);
    for (const CapRisk& risk : find_cap_risks(parts_.policy))
      warn_risk(risk);
    for (const v1::Pool& pool : parts_.policy.pools())
      warn_ends(pool);
  }

 private:
  using Guardrails = std::vector<int>;

  void add(const std::string& path, std::string message) {
    const SourceMap::Location at = source_.find(path);
    warnings_.push_back({at.file, at.line, path, std::move(message)});
  }
  std::string guardrail_path(int guardrail) const {
    return object_path("Guardrail", parts_.policy.guardrails(guardrail).metadata().name(), 0);
  }
  // "residency (p.yaml:6)"
  std::string described(int guardrail) const {
    const SourceMap::Location at = source_.find(guardrail_path(guardrail));
    const std::string& name = parts_.policy.guardrails(guardrail).metadata().name();
    return at.line == 0 ? name : fmt::format("{} ({}:{})", name, at.file, at.line);
  }

  void warn_service(int service);
  void warn_contradiction(const Guardrails& guardrails, const Audience& audience);
  void warn_monitor(const v1::Guardrail& guardrail);
  void warn_risk(const CapRisk& risk);
  void warn_ends(const v1::Pool& pool);
  void warn_end(const std::string& path, const google::protobuf::Timestamp& end, const char* what);
  bool any_pool_is_allowed_by(const Guardrails& guardrails) const;

  const CompiledParts& parts_;
  const SourceMap& source_;
  Violations& warnings_;
  std::set<Guardrails> judged_;  // sets of guardrails that were found to contradict or not
};

bool GovernanceWarner::any_pool_is_allowed_by(const Guardrails& guardrails) const {
  const auto& pools = parts_.policy.pools();
  return std::any_of(pools.begin(), pools.end(), [&](const v1::Pool& pool) {
    return std::all_of(guardrails.begin(), guardrails.end(), [&](int guardrail) {
      return parts_.eligibility.allows(guardrail, pool.metadata().name());
    });
  });
}

// Classes that may go to no pool of the service, and what forbids it.
void GovernanceWarner::warn_service(int service) {
  const std::string& name = parts_.policy.services(service).metadata().name();
  const auto pools = parts_.pools_of.find(name);
  if (pools == parts_.pools_of.end() || pools->second.empty()) return;
  std::vector<std::string> shut_out;
  for (size_t set = 0; set < parts_.sets.size(); ++set) {
    const Audience audience{service, set};
    const bool is_served = std::any_of(
        pools->second.begin(), pools->second.end(),
        [&](const std::string& pool) { return parts_.eligibility.is_eligible(audience, pool); });
    if (is_served) continue;
    shut_out.push_back(parts_.sets[set].name);
    Guardrails covering;
    for (int i = 0; i < parts_.policy.guardrails_size(); ++i) {
      if (mode_of(parts_.policy.guardrails(i)) == GuardrailMode::kEnforce &&
          parts_.eligibility.covers(i, audience))
        covering.push_back(i);
    }
    if (judged_.insert(covering).second) warn_contradiction(covering, audience);
  }
  if (shut_out.empty()) return;
  constexpr size_t kNamedMax = 5;
  const size_t more = shut_out.size() - std::min(shut_out.size(), kNamedMax);
  shut_out.resize(shut_out.size() - more);
  add(object_path("Service", name, 0),
      fmt::format("guardrails allow clients of class {}{} no pool that its routes name",
                  fmt::join(shut_out, ", "), more == 0 ? "" : fmt::format(" and {} more", more)));
}

void GovernanceWarner::warn_contradiction(const Guardrails& guardrails, const Audience& audience) {
  if (guardrails.size() < 2 || any_pool_is_allowed_by(guardrails)) return;
  const bool each_allows_some =
      std::all_of(guardrails.begin(), guardrails.end(),
                  [&](int guardrail) { return any_pool_is_allowed_by({guardrail}); });
  if (!each_allows_some) return;
  std::vector<std::string> names;
  for (const int guardrail : guardrails)
    names.push_back(described(guardrail));
  add(guardrail_path(guardrails.front()),
      fmt::format("guardrails {} contradict each other for clients of class {} of service {}: each "
                  "allows some pool, but no pool satisfies all of them, so nobody is eligible",
                  fmt::join(names, ", "), parts_.sets[audience.set].name,
                  parts_.policy.services(audience.service).metadata().name()));
}

void GovernanceWarner::warn_monitor(const v1::Guardrail& guardrail) {
  if (mode_of(guardrail) != GuardrailMode::kMonitor) return;
  const std::string path = object_path("Guardrail", guardrail.metadata().name(), 0) + ".spec";
  if (guardrail.spec().audit() == v1::GuardrailSpec::AUDIT_FAIL_CLOSED)
    add(path + ".audit", "a monitoring guardrail refuses nothing: fail_closed has no effect");
  if (guardrail.spec().approvals() > 0)
    add(path + ".approvals", "a monitoring guardrail asks for no approvals");
}

void GovernanceWarner::warn_risk(const CapRisk& risk) {
  const std::string& route = parts_.policy.routes(risk.route).metadata().name();
  add(object_path("Route", route, 0) + ".spec.fallback",
      fmt::format("names no other pool with backends: when no other pool of the split serves, {} "
                  "takes all of its flows, "
                  "whatever the cap of guardrail {}",
                  fmt::join(risk.pools, ", "), described(risk.guardrail)));
}

void GovernanceWarner::warn_ends(const v1::Pool& pool) {
  if (!parts_.now_unix_s) return;
  const std::string path = object_path("Pool", pool.metadata().name(), 0);
  if (pool.spec().has_eligible_until())
    warn_end(path + ".spec.eligible_until", pool.spec().eligible_until(), "pool");
  const bool has_ends =
      std::any_of(pool.spec().backends().begin(), pool.spec().backends().end(),
                  [](const v1::Backend& backend) { return backend.has_eligible_until(); });
  if (!has_ends) return;
  const std::vector<std::string> paths = backend_paths(path, pool);
  for (int i = 0; i < pool.spec().backends_size(); ++i) {
    const v1::Backend& backend = pool.spec().backends(i);
    if (backend.has_eligible_until()) {
      warn_end(paths[static_cast<size_t>(i)] + ".eligible_until", backend.eligible_until(),
               "backend");
    }
  }
}

void GovernanceWarner::warn_end(const std::string& path, const google::protobuf::Timestamp& end,
                                const char* what) {
  const int64_t left = end.seconds() - *parts_.now_unix_s;
  const std::string at = absl::FormatTime(
      "%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(end.seconds()), absl::UTCTimeZone());
  if (left <= 0) {
    add(path, fmt::format("is past, {}: nodes do not use the {}", at, what));
  } else if (left <= kSoon) {
    add(path, fmt::format("is near, {}: nodes stop using the {} then", at, what));
  }
}

}  // namespace

void find_governance_warnings(const CompiledParts& parts, const SourceMap& source,
                              Violations& warnings) {
  GovernanceWarner(parts, source, warnings).run();
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What is allowed in a policy and probably not meant.
#include "controlplane/planner/warnings.h"

#include <algorithm>
#include <string>
#include <vector>

#include "controlplane/policy/defaults.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/selector.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace sluice::controlplane {
namespace {

constexpr size_t kSlotsPerBackend =
    100;                         // fewer, and shares are off by more than 1 %: Maglev, section 5.3
constexpr size_t kNamedMax = 5;  // classes that one warning names

// "c1, c2, c3, c4, c5 and 3 more"
std::string some_of(std::vector<std::string> classes) {
  const size_t more = classes.size() - std::min(classes.size(), kNamedMax);
  classes.resize(classes.size() - more);
  return fmt::format("{}{}", fmt::join(classes, ", "),
                     more == 0 ? "" : fmt::format(" and {} more", more));
}

class Warner {
 public:
  Warner(const CompiledParts& parts, const SourceMap& source) : parts_(parts), source_(source) {}

  Violations run() {
    for (const auto& declared : parts_.policy.client_classes())
      warn_class(declared);
    for (const auto& pool : parts_.policy.pools())
      warn_pool(pool);
    for (const auto& service : parts_.policy.services())
      warn_service(service);
    for (int i = 0; i < parts_.policy.routes_size(); ++i)
      warn_route(i);
    for (int i = 0; i < parts_.policy.guardrails_size(); ++i)
      warn_guardrail(i);
    return std::move(warnings_);
  }

 private:
  void add(const std::string& path, std::string message) {
    const SourceMap::Location at = source_.find(path);
    warnings_.push_back({at.file, at.line, path, std::move(message)});
  }

  void warn_class(const v1::ClientClass& declared);
  void warn_pool(const v1::Pool& pool);
  void warn_service(const v1::Service& service);
  void warn_route(int index);
  void warn_guardrail(int index);

  const CompiledParts& parts_;
  const SourceMap& source_;
  Violations warnings_;
};

void Warner::warn_class(const v1::ClientClass& declared) {
  const std::string& name = declared.metadata().name();
  if (name == kUnknownClass || !declared.spec().prefixes().empty()) return;
  add(object_path("ClientClass", name, 0), "has no prefixes: no client is in it");
}

void Warner::warn_pool(const v1::Pool& pool) {
  const std::string path = object_path("Pool", pool.metadata().name(), 0) + ".spec";
  const auto& backends = pool.spec().backends();
  const auto count = static_cast<size_t>(backends.size());
  if (count == 0) return add(path + ".backends", "has no backends: the pool never serves");
  if (std::all_of(backends.begin(), backends.end(),
                  [](const v1::Backend& b) { return weight_of(b) == 0; })) {
    add(path + ".backends", "no backend has a weight above 0: the pool takes no new flows");
  }
  if (min_up(pool.spec()) > count) {
    add(path + ".min_up", fmt::format("{} of {} backends must be up: the pool never serves",
                                      min_up(pool.spec()), count));
  }
  if (table_slots(pool.spec()) < kSlotsPerBackend * count) {
    add(path + ".table_slots",
        fmt::format("{} slots for {} backends: shares are coarse below {} slots each",
                    table_slots(pool.spec()), count, kSlotsPerBackend));
  }
}

void Warner::warn_service(const v1::Service& service) {
  const std::string& name = service.metadata().name();
  std::vector<std::string> rejected, conditional;
  for (size_t set = 0; set < parts_.sets.size(); ++set) {
    const RouteChoice::Best best = parts_.routes.best(name, set);
    if (best.route) continue;
    (best.steers() ? conditional : rejected).push_back(parts_.sets[set].name);
  }
  if (!conditional.empty()) {
    add(object_path("Service", name, 0),
        fmt::format("clients of class {} are rejected when their flow meets no route's dscp and "
                    "times",
                    some_of(conditional)));
  }
  if (rejected.empty()) return;
  const std::string path = object_path("Service", name, 0);
  if (rejected.size() == parts_.sets.size())
    return add(path, "no route steers any client to it: all are rejected");
  add(path,
      fmt::format("clients of class {} match no route: they are rejected", some_of(rejected)));
}

void Warner::warn_route(int index) {
  const v1::Route& route = parts_.policy.routes(index);
  const std::string path = object_path("Route", route.metadata().name(), 0) + ".spec";
  if (!parts_.routes.matches_any(index)) add(path + ".clients", "matches no client class");
  if (route.spec().has_on_degraded() && route.spec().fallback().empty())
    add(path + ".on_degraded", "has no effect: the route names no fallback");
}

void Warner::warn_guardrail(int index) {
  const v1::Guardrail& guardrail = parts_.policy.guardrails(index);
  const std::string path = object_path("Guardrail", guardrail.metadata().name(), 0) + ".spec";
  if (!parts_.eligibility.covers_services(index)) add(path + ".services", "matches no service");
  if (!parts_.eligibility.covers_clients(index)) add(path + ".clients", "matches no client class");
  const v1::GuardrailSpec& spec = guardrail.spec();
  const bool says_more = !spec.caps().empty() || spec.approvals() > 0 ||
                         spec.audit() == v1::GuardrailSpec::AUDIT_FAIL_CLOSED;
  if (matches_all(spec.require()) && !says_more) add(path + ".require", "requires nothing");
}

}  // namespace

Violations find_warnings(const CompiledParts& parts, const SourceMap& source) {
  Violations warnings = Warner(parts, source).run();
  find_governance_warnings(parts, source, warnings);
  return warnings;
}

}  // namespace sluice::controlplane

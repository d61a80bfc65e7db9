// SPDX-License-Identifier: Apache-2.0
//
// A valid policy becomes the forwarding table, with the guardrail proof.
#include "controlplane/planner/compile.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "controlplane/planner/eligibility.h"
#include "controlplane/planner/table_entries.h"
#include "controlplane/planner/warnings.h"
#include "controlplane/policy/client_sets.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/route_choice.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

using PoolNames = std::set<std::string>;

// Every pool that some route of the service names: what its flows can be in.
std::map<std::string, PoolNames> pools_by_service(const v1::Policy& policy) {
  std::map<std::string, PoolNames> pools;
  for (const v1::Route& route : policy.routes()) {
    PoolNames& here = pools[route.spec().service()];
    for (const v1::SplitEntry& entry : route.spec().split())
      here.insert(entry.pool());
    here.insert(route.spec().fallback().begin(), route.spec().fallback().end());
  }
  return pools;
}

// Where the route names each pool, the split before fallback.
std::vector<std::pair<std::string, std::string>> named_pools(const v1::Route& route) {
  const std::string path = object_path("Route", route.metadata().name(), 0) + ".spec";
  std::vector<std::pair<std::string, std::string>> named;  // pool, path
  for (int i = 0; i < route.spec().split_size(); ++i) {
    named.emplace_back(route.spec().split(i).pool(), fmt::format("{}.split[{}].pool", path, i));
  }
  PoolNames in_split;
  for (const auto& [pool, where] : named)
    in_split.insert(pool);
  for (int i = 0; i < route.spec().fallback_size(); ++i) {
    const std::string& pool = route.spec().fallback(i);
    if (!in_split.contains(pool)) named.emplace_back(pool, fmt::format("{}.fallback[{}]", path, i));
  }
  return named;
}

class Compiler {
 public:
  Compiler(const v1::Policy& policy, const SourceMap& source)
      : policy_(policy),
        source_(source),
        sets_(client_sets(policy)),
        routes_(policy, sets_),
        eligibility_(policy, sets_),
        pools_of_(pools_by_service(policy)) {}

  CompileResult run(const TableHeader& header) {
    write_header(header);
    write_objects();
    for (int i = 0; i < policy_.services_size(); ++i) {
      for (size_t set = 0; set < sets_.size(); ++set)
        write_steering({i, set});
    }
    sort_lists();
    result_.warnings = find_warnings({policy_, sets_, routes_, eligibility_}, source_);
    return std::move(result_);
  }

 private:
  void write_header(const TableHeader& header) {
    v1::ForwardingTable& table = result_.table;
    table.set_generation(header.generation);
    table.set_revision(header.revision);
    table.set_term(header.term);
    table.set_eligibility_epoch(header.eligibility_epoch);
    table.set_steering_key(header.steering_key);
    for (const v1::Override& override_entry : header.overrides)
      *table.add_overrides() = override_entry;
  }

  void write_objects() {
    v1::ForwardingTable& table = result_.table;
    for (const ClientSet& set : sets_)
      *table.add_client_classes() = to_entry(set);
    for (const v1::Service& service : policy_.services())
      *table.add_services() = to_entry(service);
    for (const v1::Pool& pool : policy_.pools())
      *table.add_pools() = to_entry(pool);
    for (const v1::Route& route : policy_.routes())
      *table.add_routes() = to_entry(route);
  }

  void write_steering(const Audience& audience) {
    const std::string& service = policy_.services(audience.service).metadata().name();
    v1::SteeringEntry& entry = *result_.table.add_steering();
    entry.set_service(service);
    entry.set_client_class(sets_[audience.set].name);
    for (const std::string& pool : pools_of_[service]) {
      if (eligibility_.is_eligible(audience, pool)) entry.add_eligible_pools(pool);
    }
    const std::vector<int> best = routes_.best(service, audience.set);
    if (best.empty()) return;
    const v1::Route& route = policy_.routes(best[0]);
    entry.set_route(route.metadata().name());
    for (const auto& [pool, path] : named_pools(route))
      refuse_leaks(audience, pool, path);
  }

  void refuse_leaks(const Audience& audience, const std::string& pool, const std::string& path) {
    for (const Objection& objection : eligibility_.objections(audience, pool)) {
      const std::string& guardrail = policy_.guardrails(objection.guardrail).metadata().name();
      const SourceMap::Location at = source_.find(path);
      const SourceMap::Location rule = source_.find(object_path("Guardrail", guardrail, 0));
      const std::string place = rule.line == 0 ? "" : fmt::format(" ({}:{})", rule.file, rule.line);
      result_.refusals.push_back({at.file, at.line, path,
                                  fmt::format("client class {} of service {} could reach pool {}, "
                                              "which guardrail {}{} forbids: {}",
                                              sets_[audience.set].name,
                                              policy_.services(audience.service).metadata().name(),
                                              pool, guardrail, place, objection.reason)});
    }
  }

  void sort_lists() {
    const auto by_name = [](const auto& a, const auto& b) { return a.name() < b.name(); };
    const auto sort = [](auto& list, const auto& before) {
      std::sort(list.begin(), list.end(), before);
    };
    v1::ForwardingTable& table = result_.table;
    sort(*table.mutable_client_classes(), by_name);
    sort(*table.mutable_services(), by_name);
    sort(*table.mutable_pools(), by_name);
    sort(*table.mutable_routes(), by_name);
    sort(*table.mutable_steering(), [](const v1::SteeringEntry& a, const v1::SteeringEntry& b) {
      return std::pair(a.service(), a.client_class()) < std::pair(b.service(), b.client_class());
    });
    sort(*table.mutable_overrides(), [](const v1::Override& a, const v1::Override& b) {
      return std::pair(a.pool(), a.backend()) < std::pair(b.pool(), b.backend());
    });
  }

  const v1::Policy& policy_;
  const SourceMap& source_;
  const std::vector<ClientSet> sets_;
  const RouteChoice routes_;
  const Eligibility eligibility_;
  std::map<std::string, PoolNames> pools_of_;
  CompileResult result_;
};

}  // namespace

std::string test_steering_key() {
  return "sluice-test-key!";
}

CompileResult compile_policy(const v1::Policy& policy, const SourceMap& source,
                             const TableHeader& header) {
  return Compiler(policy, source).run(header);
}

}  // namespace sluice::controlplane

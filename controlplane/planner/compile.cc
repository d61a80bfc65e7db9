// SPDX-License-Identifier: Apache-2.0
//
// A valid policy becomes the forwarding table, with the guardrail proof.
#include "controlplane/planner/compile.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "controlplane/planner/eligibility.h"
#include "controlplane/planner/table_entries.h"
#include "controlplane/planner/warnings.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/route_choice.h"
#include "dataplane/table/canonical_from_proto.h"
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

// Calls `visit(pool, path)` for each pool that the route names, the split before fallback; `path()`
// is where.
template <typename Visit>
void for_each_named_pool(const v1::Route& route, const Visit& visit) {
  const auto path = [&](const char* list, int i, const char* field) {
    return fmt::format("{}.spec.{}[{}]{}", object_path("Route", route.metadata().name(), 0), list,
                       i, field);
  };
  const auto& split = route.spec().split();
  for (int i = 0; i < split.size(); ++i)
    visit(split[i].pool(), [&] { return path("split", i, ".pool"); });
  for (int i = 0; i < route.spec().fallback_size(); ++i) {
    const std::string& pool = route.spec().fallback(i);
    const bool in_split = std::any_of(split.begin(), split.end(),
                                      [&](const auto& entry) { return entry.pool() == pool; });
    if (!in_split) visit(pool, [&] { return path("fallback", i, ""); });
  }
}

class Compiler {
 public:
  Compiler(const v1::Policy& policy, const ClientSets& clients, const SourceMap& source)
      : policy_(policy),
        source_(source),
        sets_(clients.sets),
        routes_(policy, sets_),
        eligibility_(policy, sets_),
        pools_of_(pools_by_service(policy)) {}

  CompileResult run(const TableHeader& header) {
    write_header(header);
    write_objects();
    for (int i = 0; i < policy_.services_size(); ++i) {
      const PoolNames& pools = pools_of_[policy_.services(i).metadata().name()];
      for (size_t set = 0; set < sets_.size(); ++set)
        write_steering({i, set}, pools);
    }
    dataplane::make_canonical(*result_.table);
    result_.warnings = find_warnings({policy_, sets_, routes_, eligibility_}, source_);
    return std::move(result_);
  }

 private:
  void write_header(const TableHeader& header) {
    v1::ForwardingTable& table = *result_.table;
    table.set_generation(header.generation);
    table.set_revision(header.revision);
    table.set_term(header.term);
    table.set_eligibility_epoch(header.eligibility_epoch);
    table.set_steering_key(header.steering_key);
    for (const v1::Override& override_entry : header.overrides)
      *table.add_overrides() = override_entry;
  }

  void write_objects() {
    v1::ForwardingTable& table = *result_.table;
    for (const ClientSet& set : sets_)
      write_entry(set, *table.add_client_classes());
    for (const v1::Service& service : policy_.services())
      write_entry(service, *table.add_services());
    for (const v1::Pool& pool : policy_.pools())
      write_entry(pool, *table.add_pools());
    for (const v1::Route& route : policy_.routes())
      write_entry(route, *table.add_routes());
  }

  void write_steering(const Audience& audience, const PoolNames& pools) {
    const std::string& service = policy_.services(audience.service).metadata().name();
    v1::SteeringEntry& entry = *result_.table->add_steering();
    entry.set_service(service);
    entry.set_client_class(sets_[audience.set].name);
    for (const std::string& pool : pools) {
      if (eligibility_.is_eligible(audience, pool)) entry.add_eligible_pools(pool);
    }
    const std::optional<int> best = routes_.best(service, audience.set).route;
    if (!best) return;
    const v1::Route& route = policy_.routes(*best);
    entry.set_route(route.metadata().name());
    for_each_named_pool(route, [&](const std::string& pool, const auto& path) {
      if (!eligibility_.is_eligible(audience, pool)) refuse_leaks(audience, pool, path());
    });
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

  const v1::Policy& policy_;
  const SourceMap& source_;
  const std::vector<ClientSet>& sets_;
  const RouteChoice routes_;
  const Eligibility eligibility_;
  std::map<std::string, PoolNames> pools_of_;
  CompileResult result_{dataplane::make_table(), {}, {}};
};

}  // namespace

std::string test_steering_key() {
  return "sluice-test-key!";
}

CompileResult compile_policy(const v1::Policy& policy, const ClientSets& clients,
                             const SourceMap& source, const TableHeader& header) {
  return Compiler(policy, clients, source).run(header);
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// A valid policy becomes the forwarding table, with the guardrail proof.
#include "controlplane/planner/compile.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "controlplane/planner/eligibility.h"
#include "controlplane/planner/route_proof.h"
#include "controlplane/planner/strike.h"
#include "controlplane/planner/table_entries.h"
#include "controlplane/planner/warnings.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/route_choice.h"
#include "controlplane/policy/service_pools.h"
#include "dataplane/table/canonical_from_proto.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

using StatusByRollout = std::map<std::string, const v1::RolloutStatus*>;

StatusByRollout by_rollout(const std::vector<v1::RolloutStatus>& rollouts) {
  StatusByRollout statuses;
  for (const v1::RolloutStatus& status : rollouts)
    statuses[status.rollout()] = &status;
  return statuses;
}

class Compiler {
 public:
  Compiler(const v1::Policy& policy, const ClientSets& clients, const SourceMap& source,
           const TableHeader& header, const CompileOptions& options)
      : policy_(policy),
        source_(source),
        header_(header),
        options_(options),
        sets_(clients.sets),
        routes_(policy, sets_),
        eligibility_(policy, sets_),
        proof_(policy, eligibility_, header.rollouts),
        pools_of_(pools_by_service(policy)) {}

  CompileResult run() {
    write_header();
    write_objects();
    for (int i = 0; i < policy_.services_size(); ++i) {
      const PoolNames& pools = pools_of_[policy_.services(i).metadata().name()];
      for (size_t set = 0; set < sets_.size(); ++set)
        write_steering({i, set}, pools);
    }
    dataplane::make_canonical(*result_.table);
    Violations more = find_warnings(
        {policy_, sets_, routes_, eligibility_, pools_of_, options_.now_unix_s}, source_);
    std::move(more.begin(), more.end(), std::back_inserter(result_.warnings));
    return std::move(result_);
  }

 private:
  void write_header() {
    v1::ForwardingTable& table = *result_.table;
    table.set_generation(header_.generation);
    table.set_revision(header_.revision);
    table.set_term(header_.term);
    table.set_eligibility_epoch(header_.eligibility_epoch);
    table.set_steering_key(header_.steering_key);
    for (const v1::Override& override_entry : header_.overrides)
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
    const StatusByRollout statuses = by_rollout(header_.rollouts);
    for (int i = 0; i < policy_.routes_size(); ++i)
      write_route(i, statuses);
  }

  void write_route(int index, const StatusByRollout& statuses) {
    v1::RouteEntry& entry = *result_.table->add_routes();
    write_entry(policy_.routes(index), entry);
    for (const v1::Rollout* rollout : proof_.rollouts_of(index)) {
      const auto status = statuses.find(rollout->metadata().name());
      if (status == statuses.end()) continue;
      if (is_in_table(*status->second))
        write_entry(*rollout, *status->second, *entry.add_rollouts());
      if (status->second->is_evicting()) entry.add_evicted(rollout->spec().candidate());
    }
    auto& splits = *entry.mutable_rollouts();
    std::sort(splits.begin(), splits.end(),
              [](const auto& a, const auto& b) { return a.stable() < b.stable(); });
    auto& evicted = *entry.mutable_evicted();
    std::sort(evicted.begin(), evicted.end());
    evicted.erase(std::unique(evicted.begin(), evicted.end()), evicted.end());
  }

  void write_steering(const Audience& audience, const PoolNames& pools) {
    const std::string& service = policy_.services(audience.service).metadata().name();
    v1::SteeringEntry& entry = *result_.table->add_steering();
    entry.set_service(service);
    entry.set_client_class(sets_[audience.set].name);
    for (const std::string& pool : pools) {
      if (eligibility_.is_eligible(audience, pool)) entry.add_eligible_pools(pool);
    }
    entry.set_audit_fail_closed(is_fail_closed(audience));
    const RouteChoice::Best best = routes_.best(service, audience.set);
    for (const int route : best.conditional) {
      if (const auto name = proved_route(audience, route)) entry.add_conditional_routes(*name);
    }
    if (!best.route) return;
    if (const auto name = proved_route(audience, *best.route)) entry.set_route(*name);
  }

  bool is_fail_closed(const Audience& audience) const {
    for (int i = 0; i < policy_.guardrails_size(); ++i) {
      const v1::Guardrail& guardrail = policy_.guardrails(i);
      if (guardrail.spec().audit() == v1::GuardrailSpec::AUDIT_FAIL_CLOSED &&
          mode_of(guardrail) == GuardrailMode::kEnforce && eligibility_.covers(i, audience))
        return true;
    }
    return false;
  }

  // The name of the route, or of the same without what is struck. Errors: nullopt when that steers
  // nobody.
  std::optional<std::string> proved_route(const Audience& audience, int route) {
    for (const Leak& leak : proof_.leaks(audience, route, GuardrailMode::kMonitor))
      result_.warnings.push_back(describe(leak, audience, GuardrailMode::kMonitor));
    const std::vector<Leak> leaks = proof_.leaks(audience, route, GuardrailMode::kEnforce);
    const std::string& name = policy_.routes(route).metadata().name();
    if (leaks.empty()) return name;
    if (options_.forbidden == Forbidden::kStrike) return strike(audience, route, leaks);
    for (const Leak& leak : leaks)
      result_.refusals.push_back(describe(leak, audience, GuardrailMode::kEnforce));
    return name;
  }

  Violation describe(const Leak& leak, const Audience& audience, GuardrailMode mode) const {
    return to_violation(leak, mode, policy_.guardrails(leak.guardrail),
                        policy_.services(audience.service).metadata().name(),
                        sets_[audience.set].name, source_);
  }

  // The route without what is forbidden, and without what a cap forbids of the rest: what is struck
  // raises the share of all others.
  std::optional<std::string> strike(const Audience& audience, int route, std::vector<Leak> leaks) {
    PoolNames struck;
    while (!leaks.empty()) {
      for (const Leak& leak : leaks) {
        for (const std::string& pool : leak.pools) {
          struck.insert(pool);
          add_strike(audience, route, leak, pool);
        }
      }
      leaks = leaks_of_rest(audience, route, struck);
    }
    const std::optional<v1::RouteEntry>& left = variant(route, struck).left;
    if (!left) {
      warn_struck_out(audience, route);
      return std::nullopt;
    }
    const auto [name, is_new] = struck_routes_.insert(left->name());
    if (is_new) *result_.table->add_routes() = *left;
    return *name;
  }

  // What is left of a route, and how that breaks caps, whoever its clients are.
  struct Variant {
    std::optional<v1::RouteEntry> left;  // nullopt: nothing
    std::vector<CapBreach> breaches;
  };

  const Variant& variant(int route, const PoolNames& struck) {
    const auto [place, is_new] = variants_.try_emplace({route, struck});
    Variant& variant = place->second;
    if (!is_new) return variant;
    variant.left = without_pools(result_.table->routes(route), struck);
    if (!variant.left) return variant;
    v1::Route rest;
    rest.mutable_metadata()->set_name(policy_.routes(route).metadata().name());
    for (const v1::RouteSplit& part : variant.left->split()) {
      v1::SplitEntry& entry = *rest.mutable_spec()->add_split();
      entry.set_pool(part.pool());
      entry.set_weight(part.weight());
    }
    *rest.mutable_spec()->mutable_fallback() = variant.left->fallback();
    std::vector<const v1::Rollout*> rollouts;
    for (const v1::Rollout* rollout : proof_.rollouts_of(route)) {
      if (!struck.contains(rollout->spec().stable()) &&
          !struck.contains(rollout->spec().candidate()))
        rollouts.push_back(rollout);
    }
    variant.breaches = find_cap_breaches(policy_, rest, rollouts, header_.rollouts);
    return variant;
  }

  std::vector<Leak> leaks_of_rest(const Audience& audience, int route, const PoolNames& struck) {
    std::vector<Leak> leaks;
    for (const CapBreach& breach : variant(route, struck).breaches) {
      if (mode_of(policy_.guardrails(breach.guardrail)) == GuardrailMode::kEnforce &&
          eligibility_.covers(breach.guardrail, audience))
        leaks.push_back(to_leak(breach));
    }
    return leaks;
  }

  void add_strike(const Audience& audience, int route, const Leak& leak, const std::string& pool) {
    v1::Strike& strike = result_.struck.emplace_back();
    strike.set_service(policy_.services(audience.service).metadata().name());
    strike.set_client_class(sets_[audience.set].name);
    strike.set_route(policy_.routes(route).metadata().name());
    strike.set_pool(pool);
    strike.set_guardrail(policy_.guardrails(leak.guardrail).metadata().name());
    strike.set_reason(leak.reason);
  }

  void warn_struck_out(const Audience& audience, int route) {
    const v1::Route& written = policy_.routes(route);
    const std::string path = object_path("Route", written.metadata().name(), 0);
    const SourceMap::Location at = source_.find(path);
    result_.warnings.push_back(
        {at.file, at.line, path,
         fmt::format("every pool is struck for clients of class {} of service {}: {}",
                     sets_[audience.set].name, policy_.services(audience.service).metadata().name(),
                     is_conditional(written.spec()) ? "flows that meet its conditions go to the "
                                                      "next route"
                                                    : "they are rejected")});
  }

  const v1::Policy& policy_;
  const SourceMap& source_;
  const TableHeader& header_;
  const CompileOptions& options_;
  const std::vector<ClientSet>& sets_;
  const RouteChoice routes_;
  const Eligibility eligibility_;
  const RouteProof proof_;
  std::map<std::string, PoolNames> pools_of_;
  std::map<std::pair<int, PoolNames>, Variant> variants_;  // by route and struck pools
  std::set<std::string> struck_routes_;                    // of the variants in the table
  CompileResult result_{dataplane::make_table(), {}, {}, {}};
};

}  // namespace

std::string test_steering_key() {
  return "sluice-test-key!";
}

CompileResult compile_policy(const v1::Policy& policy, const ClientSets& clients,
                             const SourceMap& source, const TableHeader& header,
                             const CompileOptions& options) {
  return Compiler(policy, clients, source, header, options).run();
}

}  // namespace sluice::controlplane

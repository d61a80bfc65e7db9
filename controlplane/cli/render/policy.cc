// SPDX-License-Identifier: Apache-2.0
//
// Makes tables of policy objects.
#include "controlplane/cli/render/policy.h"

#include "absl/strings/str_join.h"
#include "controlplane/cli/render/text.h"
#include "fmt/format.h"

namespace sluice::controlplane::cli {
namespace {

using google::protobuf::Message;

std::string split_text(const v1::RouteSpec& route) {
  std::vector<std::string> entries;
  for (const v1::SplitEntry& entry : route.split()) {
    entries.push_back(fmt::format("{}={}", entry.pool(), entry.weight()));
  }
  return or_dash(absl::StrJoin(entries, ","));
}

bool is_drained(const v1::GetPolicyResponse& policy, const std::string& pool) {
  for (const v1::Override& override_ : policy.overrides()) {
    if (override_.pool() == pool && override_.backend().empty()) return true;
  }
  return false;
}

std::vector<Cell> cells_of(const v1::ClientClass& one, const v1::GetPolicyResponse&) {
  return {one.metadata().name(), absl::StrJoin(one.spec().prefixes(), ","),
          labels_text(one.metadata().labels())};
}

std::vector<Cell> cells_of(const v1::Pool& pool, const v1::GetPolicyResponse& policy) {
  const bool drains = is_drained(policy, pool.metadata().name());
  const bool has_default_forwarding = pool.spec().forwarding() == v1::FORWARDING_UNSPECIFIED;
  return {pool.metadata().name(),
          has_default_forwarding
              ? "ipip"
              : short_enum_text(v1::Forwarding_Name(pool.spec().forwarding()), "FORWARDING_"),
          fmt::format("{}", pool.spec().backends_size()),
          fmt::format("{}", pool.spec().has_min_up() ? pool.spec().min_up() : 1),
          {drains ? "draining" : "-", drains ? Colour::kYellow : Colour::kNone},
          labels_text(pool.metadata().labels())};
}

std::vector<Cell> cells_of(const v1::Service& service, const v1::GetPolicyResponse&) {
  const v1::ServiceSpec& spec = service.spec();
  return {service.metadata().name(),
          absl::StrJoin(spec.addresses(), ","),
          absl::StrJoin(spec.ports(), ","),
          spec.affinity() == v1::AFFINITY_CLIENT ? "client" : "flow",
          spec.reject() == v1::REJECT_UNSPECIFIED
              ? "reset"
              : short_enum_text(v1::Reject_Name(spec.reject()), "REJECT_"),
          labels_text(service.metadata().labels())};
}

std::vector<Cell> cells_of(const v1::Route& route, const v1::GetPolicyResponse&) {
  return {route.metadata().name(),
          route.spec().service(),
          selector_text(route.spec().clients()),
          fmt::format("{}", route.spec().priority()),
          split_text(route.spec()),
          or_dash(absl::StrJoin(route.spec().fallback(), ",")),
          labels_text(route.metadata().labels())};
}

Cell would_refuse_cell(const v1::WouldRefuse* monitored) {
  if (monitored == nullptr) return {"-"};
  return {fmt::format("{} flows", monitored->flows()),
          monitored->flows() > 0 ? Colour::kYellow : Colour::kNone};
}

std::vector<Cell> cells_of(const v1::Guardrail& guardrail, const v1::GetPolicyResponse& policy) {
  const v1::GuardrailSpec& spec = guardrail.spec();
  return {guardrail.metadata().name(),
          spec.mode() == v1::GuardrailSpec::MODE_MONITOR ? "monitor" : "enforce",
          selector_text(spec.services()),
          selector_text(spec.clients()),
          selector_text(spec.require()),
          would_refuse_cell(find_would_refuse(policy, guardrail.metadata().name())),
          labels_text(guardrail.metadata().labels())};
}

std::vector<Cell> cells_of(const v1::Rollout& rollout, const v1::GetPolicyResponse&,
                           const v1::ListRolloutsResponse& statuses) {
  const v1::RolloutSpec& spec = rollout.spec();
  return {rollout.metadata().name(),
          spec.route(),
          spec.stable(),
          spec.candidate(),
          fmt::format("{}", spec.steps_size()),
          rollout_state(statuses, rollout.metadata().name()),
          labels_text(rollout.metadata().labels())};
}

template <class Object, class... Known>
TextTable make_table(std::vector<std::string> headers, const std::vector<const Message*>& objects,
                     Format format, const Known&... known) {
  // Labels are the last cell of every row and shown in the wide form only.
  if (format == Format::kWide) headers.emplace_back("LABELS");
  TextTable table(std::move(headers));
  for (const Message* object : objects) {
    std::vector<Cell> row = cells_of(static_cast<const Object&>(*object), known...);
    if (format != Format::kWide) row.pop_back();
    table.add(std::move(row));
  }
  return table;
}

}  // namespace

std::string rollout_state(const v1::ListRolloutsResponse& statuses, const std::string& name) {
  for (const v1::RolloutStatus& status : statuses.rollouts()) {
    if (status.rollout() == name)
      return short_enum_text(v1::RolloutPhase_Name(status.phase()), "ROLLOUT_PHASE_");
  }
  return "-";
}

const v1::WouldRefuse* find_would_refuse(const v1::GetPolicyResponse& policy,
                                         const std::string& guardrail) {
  for (const v1::WouldRefuse& one : policy.would_refuse()) {
    if (one.guardrail() == guardrail) return &one;
  }
  return nullptr;
}

TextTable table_of(const Kind& kind, const std::vector<const Message*>& objects,
                   const v1::GetPolicyResponse& policy, const v1::ListRolloutsResponse& statuses,
                   Format format) {
  const std::string_view name = kind.name;
  if (name == "ClientClass") {
    return make_table<v1::ClientClass>({"NAME", "PREFIXES"}, objects, format, policy);
  }
  if (name == "Pool") {
    return make_table<v1::Pool>({"NAME", "FORWARDING", "BACKENDS", "MIN UP", "DRAIN"}, objects,
                                format, policy);
  }
  if (name == "Service") {
    return make_table<v1::Service>({"NAME", "ADDRESSES", "PORTS", "AFFINITY", "REJECT"}, objects,
                                   format, policy);
  }
  if (name == "Route") {
    return make_table<v1::Route>({"NAME", "SERVICE", "CLIENTS", "PRIORITY", "SPLIT", "FALLBACK"},
                                 objects, format, policy);
  }
  if (name == "Guardrail") {
    return make_table<v1::Guardrail>(
        {"NAME", "MODE", "SERVICES", "CLIENTS", "REQUIRE", "WOULD REFUSE"}, objects, format,
        policy);
  }
  return make_table<v1::Rollout>({"NAME", "ROUTE", "STABLE", "CANDIDATE", "STEPS", "STATE"},
                                 objects, format, policy, statuses);
}

Cell state_cell(v1::BackendState state) {
  if (state == v1::BACKEND_STATE_UNSPECIFIED) return {"-"};
  const Colour colour = state == v1::BACKEND_STATE_UP         ? Colour::kGreen
                        : state == v1::BACKEND_STATE_DRAINING ? Colour::kYellow
                                                              : Colour::kRed;
  return {short_enum_text(v1::BackendState_Name(state), "BACKEND_STATE_"), colour};
}

TextTable backends_table(const v1::Policy& policy, const v1::ListNodesResponse& nodes,
                         const std::string& pool, const std::string& name, absl::Time now) {
  TextTable table({"POOL", "NAME", "ADDRESS", "WEIGHT", "NODE", "STATE", "SINCE", "REASON"});
  const auto add_backend = [&](const std::string& in_pool, const v1::Backend& backend) {
    const std::vector<Cell> start{in_pool, backend.name(), backend.address(),
                                  fmt::format("{}", backend.has_weight() ? backend.weight() : 1)};
    bool is_known = false;
    for (const v1::NodeEntry& node : nodes.nodes()) {
      for (const v1::BackendStatus& status : node.status().backends()) {
        if (status.pool() != in_pool || status.backend() != backend.name()) continue;
        is_known = true;
        std::vector<Cell> row = start;
        row.insert(row.end(), {node.name(), state_cell(status.state()),
                               status.has_since() ? age_text(now - time_of(status.since())) : "-",
                               or_dash(status.reason())});
        table.add(std::move(row));
      }
    }
    if (is_known) return;
    std::vector<Cell> row = start;
    row.insert(row.end(), 4, Cell("-"));
    table.add(std::move(row));
  };
  for (const v1::Pool& one : policy.pools()) {
    if (!pool.empty() && one.metadata().name() != pool) continue;
    for (const v1::Backend& backend : one.spec().backends()) {
      if (name.empty() || backend.name() == name) add_backend(one.metadata().name(), backend);
    }
  }
  return table;
}

}  // namespace sluice::controlplane::cli

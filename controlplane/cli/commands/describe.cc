// SPDX-License-Identifier: Apache-2.0
//
// sluice describe: one object with everything that it relates to.
#include <memory>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controlplane/cli/commands/target.h"
#include "controlplane/cli/render/policy.h"
#include "controlplane/cli/render/text.h"
#include "controlplane/cli/verbs.h"
#include "controlplane/planner/compile.h"
#include "controlplane/policy/print.h"
#include "fmt/ostream.h"

namespace sluice::controlplane::cli {
namespace {

using google::protobuf::Message;

struct Observed {
  v1::GetPolicyResponse policy;
  v1::ListNodesResponse nodes;
  v1::ListRolloutsResponse rollouts;
};

void print_spec(std::ostream& out, const Message& object) {
  for (const std::string& line :
       std::vector<std::string>(absl::StrSplit(print_object(object), '\n', absl::SkipEmpty()))) {
    out << "  " << line << '\n';
  }
}

void describe_pool(Session& session, const Observed& observed, const std::string& name) {
  TextTable routes({"ROUTE", "SERVICE", "CLIENTS", "WEIGHT", "FALLBACK"});
  for (const v1::Route& route : observed.policy.policy().routes()) {
    std::string weight = "-";
    std::string fallback = "-";
    for (const v1::SplitEntry& entry : route.spec().split()) {
      if (entry.pool() == name) weight = fmt::format("{}", entry.weight());
    }
    for (int i = 0; i < route.spec().fallback_size(); ++i) {
      if (route.spec().fallback(i) == name) fallback = fmt::format("{}", i + 1);
    }
    if (weight == "-" && fallback == "-") continue;
    routes.add({route.metadata().name(), route.spec().service(),
                selector_text(route.spec().clients()), weight, fallback});
  }
  session.out() << "Routes that name it:\n";
  if (routes.empty()) {
    session.out() << "  none\n";
  } else {
    routes.print(session.out(), session.palette(), "  ");
  }
  session.out() << "Backends:\n";
  backends_table(observed.policy.policy(), observed.nodes, name, "", session.invocation().clock())
      .print(session.out(), session.palette(), "  ");
  for (const v1::Override& one : observed.policy.overrides()) {
    if (one.pool() != name) continue;
    fmt::print(session.out(), "Drained: {}\n",
               one.backend().empty() ? "whole pool" : one.backend());
  }
}

// The planner's own answer for the policy in force: which route each class takes, and what it may
// reach.
void describe_service(Session& session, const Observed& observed, const std::string& name) {
  TableHeader header;
  header.steering_key = test_steering_key();  // decides buckets, which are not shown
  const v1::Policy& policy = observed.policy.policy();
  const CompileResult compiled = compile_policy(policy, client_sets(policy), SourceMap(), header);
  TextTable table({"CLASS", "ROUTE", "ELIGIBLE POOLS"});
  for (const v1::SteeringEntry& entry : compiled.table->steering()) {
    if (entry.service() != name) continue;
    const bool is_rejected = entry.route().empty();
    table.add({entry.client_class(),
               {is_rejected ? "rejected: no route" : entry.route(),
                is_rejected ? Colour::kRed : Colour::kNone},
               or_dash(absl::StrJoin(entry.eligible_pools(), ", "))});
  }
  session.out() << "Steering per client class:\n";
  table.print(session.out(), session.palette(), "  ");
}

void describe_route(Session& session, const Observed& observed, const v1::Route& route) {
  double weights = 0;
  for (const v1::SplitEntry& entry : route.spec().split())
    weights += entry.weight();
  TextTable table({"POOL", "WEIGHT", "SHARE", "BACKENDS"});
  for (const v1::SplitEntry& entry : route.spec().split()) {
    const Message* pool = find_object(observed.policy.policy(), {find_kind("Pool"), entry.pool()});
    const int backends =
        pool == nullptr ? 0 : static_cast<const v1::Pool*>(pool)->spec().backends_size();
    table.add({entry.pool(), fmt::format("{}", entry.weight()),
               percent_text(entry.weight(), weights), fmt::format("{}", backends)});
  }
  session.out() << "Split while every pool serves:\n";
  table.print(session.out(), session.palette(), "  ");
  for (const v1::Rollout& rollout : observed.policy.policy().rollouts()) {
    if (rollout.spec().route() != route.metadata().name()) continue;
    fmt::print(session.out(), "Rollout: {} ({})\n", rollout.metadata().name(),
               rollout_state(observed.rollouts, rollout.metadata().name()));
  }
}

void describe_guardrail(Session& session, const Observed& observed, const std::string& name) {
  const v1::WouldRefuse* monitored = find_would_refuse(observed.policy, name);
  if (monitored == nullptr) return;
  fmt::print(session.out(), "Would have refused: {} flows under this revision, {} in all",
             monitored->flows(), monitored->total_flows());
  if (monitored->has_last_time())
    fmt::print(session.out(), ", the last one at {}", time_text(monitored->last_time()));
  session.out() << '\n';
  if (monitored->total_flows() == 0) return;
  fmt::print(session.out(), "See them: sluice audit query --would-refuse {}\n", name);
}

void describe_object(Session& session, const Observed& observed, const ObjectName& name,
                     const Message& object) {
  std::ostream& out = session.out();
  fmt::print(out, "{} of revision {}\n", name.to_string(), observed.policy.revision());
  print_spec(out, object);
  const std::string_view kind = name.kind->name;
  if (kind == "Pool") describe_pool(session, observed, name.name);
  if (kind == "Service") describe_service(session, observed, name.name);
  if (kind == "Route") describe_route(session, observed, static_cast<const v1::Route&>(object));
  if (kind == "Guardrail") describe_guardrail(session, observed, name.name);
  out << "Events: none\n";
}

ExitCode describe(Session& session, const std::vector<std::string>& words) {
  const absl::StatusOr<Target> target = parse_target(words);
  if (!target.ok()) return session.fail(ExitCode::kUsage, target.status());
  if (target->what == TargetKind::kNodes || target->what == TargetKind::kBackends) {
    return session.fail(ExitCode::kUsage,
                        "describe shows objects of the policy; for nodes and backends write "
                        "sluice get nodes -o yaml or sluice get backends -o yaml");
  }
  if (target->what == TargetKind::kChanges && !target->name.empty())
    return show_changes(session, Format::kTable, target->name);
  if (target->what != TargetKind::kPolicy || target->name.empty()) {
    return session.fail(ExitCode::kUsage,
                        "describe needs one object: KIND NAME or KIND/NAME, or changes/ID");
  }
  Observed observed;
  ExitCode code = session.call(v1::GetPolicyRequest(), observed.policy);
  if (code != ExitCode::kOk) return code;
  const ObjectName name{target->kind, target->name};
  const Message* object = find_object(observed.policy.policy(), name);
  if (object == nullptr) {
    return session.fail(ExitCode::kNotFound, "there is no " + name.to_string());
  }
  code = session.call(v1::ListNodesRequest(), observed.nodes);
  if (code == ExitCode::kOk && !observed.policy.policy().rollouts().empty()) {
    code = session.call(v1::ListRolloutsRequest(), observed.rollouts);
  }
  if (code != ExitCode::kOk) return code;
  describe_object(session, observed, name, *object);
  return ExitCode::kOk;
}

}  // namespace

void add_describe(Verbs& verbs) {
  const auto words = std::make_shared<std::vector<std::string>>();
  CLI::App& verb = verbs.add("describe", "Show one object with what it relates to",
                             "sluice describe pool chat-v1-eu",
                             [words](Session& session) { return describe(session, *words); });
  verb.add_option("target", *words, "KIND NAME or KIND/NAME, or changes/ID")
      ->required()
      ->expected(1, 2);
}

}  // namespace sluice::controlplane::cli

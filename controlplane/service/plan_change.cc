// SPDX-License-Identifier: Apache-2.0
//
// The change service's plans: what a change would make of what is in force.
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "controlplane/policy/change.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/validate.h"
#include "controlplane/rollout/conflicts.h"
#include "controlplane/rollout/machine.h"
#include "controlplane/service/change_service.h"
#include "controlplane/service/overrides.h"
#include "controlplane/service/refusal.h"
#include "controlplane/service/rollout_table.h"

namespace sluice::controlplane {
namespace {

constexpr char kStrikeInstead[] = "; with --strike these pools are compiled out instead";

absl::Status invalid(const Violations& violations) {
  return refusal(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("the policy is not valid, violations: ", violations.size()),
                 violations);
}

absl::Status refused(const Violations& refusals, absl::string_view remedy) {
  return refusal(absl::StatusCode::kFailedPrecondition,
                 absl::StrCat("guardrails refuse this, leaks: ", refusals.size(), remedy),
                 refusals);
}

v1::PlanResponse to_proto(const Plan& plan, uint64_t base_revision) {
  v1::PlanResponse response;
  response.set_base_revision(base_revision);
  *response.mutable_diff() = {plan.diff.begin(), plan.diff.end()};
  *response.mutable_shares() = {plan.shares.begin(), plan.shares.end()};
  for (const Violation& warning : plan.warnings)
    to_proto(warning, *response.add_warnings());
  response.set_digest(plan.digest);
  *response.mutable_guardrails() = {plan.guardrails.begin(), plan.guardrails.end()};
  response.set_approvals(plan.approvals);
  *response.mutable_struck() = {plan.struck.begin(), plan.struck.end()};
  *response.mutable_moved() = {plan.moved.begin(), plan.moved.end()};
  *response.mutable_emptied_pools() = {plan.emptied_pools.begin(), plan.emptied_pools.end()};
  return response;
}

const v1::ForwardingTable& table_of(const InForce& state) {
  return state.table == nullptr ? v1::ForwardingTable::default_instance() : state.table->message();
}

absl::Status check_base(const v1::Change& change, uint64_t revision) {
  if (!change.has_base_revision() || change.base_revision() == revision) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the change is for revision ", change.base_revision(),
                                         ", but ", revision, " is in force: plan it again"));
}

}  // namespace

absl::StatusOr<ChangeService::Planned> ChangeService::plan_policy(
    std::shared_ptr<const InForce> base, Candidate desired, const SourceMap& source,
    Leniency leniency) const {
  const auto found = conflicts(base->rollouts, *base->policy, *desired.policy);
  if (leniency.conflicts == Conflicts::kRefuse && !found.empty()) {
    return absl::AbortedError(absl::StrJoin(found, "\n"));
  }
  std::vector<v1::RolloutStatus> rollouts =
      statuses_under(base->rollouts, *base->policy, *desired.policy);
  if (leniency.back_to) {
    const auto past = store_.rollouts_since(*leniency.back_to);
    if (!past.ok()) return past.status();
    rollouts = statuses_back_under(base->rollouts, *base->policy, *desired.policy, *past);
  }
  const TableHeader header = {
      .generation = base->generation + 1,
      .revision = base->revision + 1,
      .term = base->term,
      .eligibility_epoch = base->eligibility_epoch,
      .steering_key = base->steering_key,
      .overrides = effective_overrides(base->overrides, *desired.policy),
      .rollouts = rollouts,
  };
  Plan plan =
      make_plan({*base->policy, table_of(*base)},
                {*desired.policy, *desired.clients, source, desired.touched}, header,
                {.forbidden = leniency.forbidden, .now_unix_s = absl::ToUnixSeconds(absl::Now())});
  if (!plan.refusals.empty()) return refused(plan.refusals, kStrikeInstead);
  return Planned{std::move(base), std::move(desired), std::move(plan), std::move(rollouts), {}};
}

absl::StatusOr<ChangeService::Planned> ChangeService::plan_change(
    const v1::Change& change, std::optional<uint64_t> back_to) const {
  std::shared_ptr<const InForce> base = running();
  if (absl::Status status = check_base(change, base->revision); !status.ok()) return status;
  std::vector<SourceFile> files;
  for (const v1::PolicyFile& file : change.files())
    files.push_back({file.name(), file.yaml()});
  const std::vector<std::string> deletions(change.deletions().begin(), change.deletions().end());

  Violations violations;
  const ParsedPolicy parsed = parse_policy(files, violations);
  require_objects(files, parsed.policy, violations);
  const Prune prune = change.prune() ? Prune::kYes : Prune::kNo;
  ChangedPolicy changed = apply_change(*base->policy, parsed.policy, prune, deletions, violations);
  Candidate desired;
  desired.policy = std::move(changed.policy);
  desired.touched = std::move(changed.touched);
  desired.clients = desired.touched.contains("ClientClass")
                        ? std::make_shared<const ClientSets>(client_sets(*desired.policy))
                        : base->clients;
  validate_policy(*desired.policy, *desired.clients, parsed.source, violations);
  if (!violations.empty()) return invalid(violations);
  Leniency leniency = leniency_of(change);
  leniency.back_to = back_to;
  return plan_policy(std::move(base), std::move(desired), parsed.source, leniency);
}

v1::PlanResponse ChangeService::describe(const Planned& planned) {
  return to_proto(planned.plan, planned.base->revision);
}

absl::StatusOr<v1::PlanResponse> ChangeService::plan(const v1::Change& change) const {
  const absl::StatusOr<Planned> planned = plan_change(change);
  if (!planned.ok()) return planned.status();
  v1::PlanResponse response = describe(*planned);
  if (response.diff().empty()) return response;
  for (v1::NodeEffect& effect : fleet_.preview(*planned->plan.table))
    *response.add_nodes() = std::move(effect);
  return response;
}

absl::StatusOr<ChangeService::Planned> ChangeService::plan_revision(
    std::shared_ptr<const InForce> base, uint64_t revision, Leniency leniency) const {
  Candidate desired;
  desired.policy = std::make_shared<const v1::Policy>();
  if (revision != 0) {
    absl::StatusOr<v1::Policy> policy = store_.policy_of(revision);
    if (!policy.ok()) return policy.status();
    desired.policy = std::make_shared<const v1::Policy>(*std::move(policy));
  }
  desired.clients = std::make_shared<const ClientSets>(client_sets(*desired.policy));
  desired.touched = all_objects(*desired.policy);
  add_names(all_objects(*base->policy), desired.touched);
  Violations violations;
  validate_policy(*desired.policy, *desired.clients, SourceMap(), violations);
  if (!violations.empty()) return invalid(violations);
  leniency.back_to = revision;
  return plan_policy(std::move(base), std::move(desired), SourceMap(), leniency);
}

absl::StatusOr<std::shared_ptr<v1::ForwardingTable>> ChangeService::rollout_table(
    const InForce& base, const InForce& next, const v1::RolloutStatus& status) const {
  const v1::RolloutStatus before = status_of(base.rollouts, status.rollout());
  if (status.weight() <= before.weight()) {
    // What takes clients from the candidate is never held up by a plan: the table that runs is
    // proved, and nothing is added to it.
    const std::shared_ptr<v1::ForwardingTable> table = dataplane::make_table();
    *table = table_of(base);
    lower_in_table(*find_rollout(*base.policy, status.rollout()), status, *table);
    if (!same_eligibility(table_of(base), *table)) {
      table->set_eligibility_epoch(base.eligibility_epoch + 1);  // evicted flows find it out
    }
    return table;
  }
  const TableHeader header = {
      .generation = base.generation + 1,
      .revision = base.revision,
      .term = base.term,
      .eligibility_epoch = base.eligibility_epoch,
      .steering_key = base.steering_key,
      .overrides = effective_overrides(base.overrides, *base.policy),
      .rollouts = next.rollouts,
  };
  Plan plan = make_plan(
      {*base.policy, table_of(base)}, {*base.policy, *base.clients, SourceMap(), {}}, header,
      {.forbidden = base.struck.empty() ? Forbidden::kRefuse : Forbidden::kStrike});
  if (!plan.refusals.empty()) return refused(plan.refusals, "");
  return std::move(plan.table);
}

}  // namespace sluice::controlplane

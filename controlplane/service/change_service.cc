// SPDX-License-Identifier: Apache-2.0
//
// The one road from a change to the nodes: plan, stage, make durable, commit.
#include "controlplane/service/change_service.h"

#include <algorithm>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "controlplane/policy/change.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/validate.h"
#include "controlplane/rollout/conflicts.h"
#include "controlplane/rollout/machine.h"
#include "controlplane/service/overrides.h"
#include "controlplane/service/refusal.h"
#include "controlplane/service/rollout_table.h"

namespace sluice::controlplane {
namespace {

absl::Status invalid(const Violations& violations) {
  return refusal(absl::StatusCode::kInvalidArgument,
                 absl::StrCat("the policy is not valid, violations: ", violations.size()),
                 violations);
}

absl::Status refused(const Violations& refusals) {
  return refusal(absl::StatusCode::kFailedPrecondition,
                 absl::StrCat("guardrails refuse this, leaks: ", refusals.size()), refusals);
}

uint32_t count(const Plan& plan, v1::ObjectDiff::Action action) {
  return static_cast<uint32_t>(
      std::count_if(plan.diff.begin(), plan.diff.end(),
                    [action](const v1::ObjectDiff& diff) { return diff.action() == action; }));
}

v1::PlanResponse to_proto(const Plan& plan, uint64_t base_revision) {
  v1::PlanResponse response;
  response.set_base_revision(base_revision);
  *response.mutable_diff() = {plan.diff.begin(), plan.diff.end()};
  *response.mutable_shares() = {plan.shares.begin(), plan.shares.end()};
  for (const Violation& warning : plan.warnings)
    to_proto(warning, *response.add_warnings());
  return response;
}

void set_now(google::protobuf::Timestamp& to) {
  const int64_t nanoseconds = absl::GetCurrentTimeNanos();
  to.set_seconds(nanoseconds / 1'000'000'000);
  to.set_nanos(static_cast<int32_t>(nanoseconds % 1'000'000'000));
}

InForce in_force(StoredState stored) {
  InForce state;
  state.revision = stored.revision;
  state.generation = stored.generation;
  state.eligibility_epoch = stored.eligibility_epoch;
  state.steering_key = std::move(stored.steering_key);
  state.policy = std::make_shared<const v1::Policy>(std::move(stored.policy));
  state.clients = std::make_shared<const ClientSets>(client_sets(*state.policy));
  if (stored.generation != 0)
    state.table = std::make_shared<const dataplane::CanonicalTable>(std::move(stored.table));
  state.overrides = std::move(stored.overrides);
  state.rollouts = std::move(stored.rollouts);
  return state;
}

NewTable to_store(const InForce& state) {
  return {state.generation, state.eligibility_epoch, state.table->bytes()};
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

ChangeService::ChangeService(StoredState running, RevisionStore& store, Fleet& fleet)
    : store_(store),
      fleet_(fleet),
      last_generation_(running.generation),
      running_(std::make_shared<const InForce>(in_force(std::move(running)))) {}

std::shared_ptr<const InForce> ChangeService::running() const {
  const absl::MutexLock lock(&running_mutex_);
  return running_;
}

absl::StatusOr<ChangeService::Planned> ChangeService::plan_policy(
    std::shared_ptr<const InForce> base, Candidate desired, const SourceMap& source) const {
  if (const auto found = conflicts(base->rollouts, *base->policy, *desired.policy);
      !found.empty()) {
    return absl::AbortedError(absl::StrJoin(found, "\n"));
  }
  const TableHeader header = {
      .generation = base->generation + 1,
      .revision = base->revision + 1,
      .term = 0,
      .eligibility_epoch = base->eligibility_epoch,
      .steering_key = base->steering_key,
      .overrides = effective_overrides(base->overrides, *desired.policy),
      .rollouts = statuses_under(base->rollouts, *base->policy, *desired.policy),
  };
  Plan plan = make_plan({*base->policy, table_of(*base)},
                        {*desired.policy, *desired.clients, source, desired.touched}, header);
  if (!plan.refusals.empty()) return refused(plan.refusals);
  return Planned{std::move(base), std::move(desired), std::move(plan)};
}

absl::StatusOr<ChangeService::Planned> ChangeService::plan_change(const v1::Change& change) const {
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
  return plan_policy(std::move(base), std::move(desired), parsed.source);
}

absl::StatusOr<v1::PlanResponse> ChangeService::plan(const v1::Change& change) const {
  const absl::StatusOr<Planned> planned = plan_change(change);
  if (!planned.ok()) return planned.status();
  return to_proto(planned->plan, planned->base->revision);
}

template <typename Save>
absl::StatusOr<ChangeService::Pushed> ChangeService::push(
    InForce next, std::shared_ptr<v1::ForwardingTable> table, const Save& save) {
  // A number is never used for two tables, whatever became of the first.
  next.generation = ++last_generation_;
  table->set_generation(next.generation);
  next.eligibility_epoch = table->eligibility_epoch();
  next.table = std::make_shared<const dataplane::CanonicalTable>(std::move(table));

  absl::StatusOr<StagedTable> staged = fleet_.stage(next.table);
  if (!staged.ok()) return staged.status();
  if (absl::Status status = save(next); !status.ok()) return status;
  Pushed pushed;
  pushed.nodes = staged->commit();
  pushed.running = std::make_shared<const InForce>(std::move(next));
  const absl::MutexLock lock(&running_mutex_);
  running_ = pushed.running;
  return pushed;
}

absl::StatusOr<v1::ApplyResponse> ChangeService::accept(Planned planned, const Origin& origin) {
  v1::ApplyResponse response;
  *response.mutable_plan() = to_proto(planned.plan, planned.base->revision);
  response.set_revision(planned.base->revision);
  response.set_generation(planned.base->generation);
  if (planned.plan.diff.empty()) return response;

  NewRevision revision;
  revision.base_revision = planned.base->revision;
  set_now(*revision.entry.mutable_time());
  revision.entry.set_author(origin.author);
  revision.entry.set_message(origin.message);
  revision.entry.set_rollback_of(origin.rollback_of);
  revision.entry.set_created(count(planned.plan, v1::ObjectDiff::ACTION_CREATE));
  revision.entry.set_updated(count(planned.plan, v1::ObjectDiff::ACTION_UPDATE));
  revision.entry.set_deleted(count(planned.plan, v1::ObjectDiff::ACTION_DELETE));

  InForce next = *planned.base;
  next.revision = revision.base_revision + 1;
  next.rollouts = statuses_under(next.rollouts, *planned.base->policy, *planned.desired.policy);
  revision.rollouts = next.rollouts;
  next.policy = std::move(planned.desired.policy);
  next.clients = std::move(planned.desired.clients);
  // Written down while the nodes build their tables.
  std::future<std::string> written = std::async(
      std::launch::async, [policy = next.policy] { return policy->SerializeAsString(); });
  absl::StatusOr<Pushed> pushed =
      push(std::move(next), std::move(planned.plan.table), [&](const InForce& state) {
        revision.policy = written.get();
        return store_.append(revision, to_store(state));
      });
  if (!pushed.ok()) return pushed.status();
  response.set_revision(pushed->running->revision);
  response.set_generation(pushed->running->generation);
  *response.mutable_nodes() = {pushed->nodes.begin(), pushed->nodes.end()};
  return response;
}

absl::StatusOr<v1::ApplyResponse> ChangeService::apply(const v1::ApplyRequest& request) {
  absl::StatusOr<Planned> planned = plan_change(request.change());
  if (!planned.ok()) return planned.status();
  const absl::MutexLock lock(&change_mutex_);
  if (planned->base != running()) {
    // Somebody was faster. With a base revision this is ABORTED, without one the newest counts.
    planned = plan_change(request.change());
    if (!planned.ok()) return planned.status();
  }
  return accept(*std::move(planned), {request.author(), request.message(), 0});
}

absl::StatusOr<v1::ApplyResponse> ChangeService::rollback(const v1::RollbackRequest& request) {
  const absl::MutexLock lock(&change_mutex_);
  std::shared_ptr<const InForce> base = running();
  if (request.revision() == 0 && base->revision < 2) {
    return absl::NotFoundError("there is no revision to go back to");
  }
  const uint64_t revision = request.revision() == 0 ? base->revision - 1 : request.revision();
  absl::StatusOr<v1::Policy> policy = store_.policy_of(revision);
  if (!policy.ok()) return policy.status();
  Candidate desired;
  desired.policy = std::make_shared<const v1::Policy>(*std::move(policy));
  desired.clients = std::make_shared<const ClientSets>(client_sets(*desired.policy));
  desired.touched = all_objects(*desired.policy);
  add_names(all_objects(*base->policy), desired.touched);
  Violations violations;
  validate_policy(*desired.policy, *desired.clients, SourceMap(), violations);
  if (!violations.empty()) return invalid(violations);
  absl::StatusOr<Planned> planned = plan_policy(std::move(base), std::move(desired), SourceMap());
  if (!planned.ok()) return planned.status();
  return accept(*std::move(planned), {request.author(), request.message(), revision});
}

absl::StatusOr<v1::SetOverrideResponse> ChangeService::set_override(
    const v1::SetOverrideRequest& request) {
  const v1::Override& change = request.override();
  if (change.state() != v1::Override::STATE_UNSPECIFIED &&
      change.state() != v1::Override::STATE_DRAINING) {
    return absl::InvalidArgumentError(
        "override.state: draining, or unspecified to lift it; recalls are not built yet");
  }
  const absl::MutexLock lock(&change_mutex_);
  const std::shared_ptr<const InForce> base = running();
  InForce next = *base;
  next.overrides = with_override(base->overrides, change);
  const bool lifts = next.overrides.size() < base->overrides.size();
  // What waits for a deleted pool can be lifted without it.
  if (absl::Status status = check_exists(change, *base->policy); !status.ok() && !lifts)
    return status;

  v1::SetOverrideResponse response;
  response.set_generation(base->generation);
  if (same_overrides(next.overrides, base->overrides)) return response;
  const std::vector<v1::Override> effective = effective_overrides(next.overrides, *next.policy);
  const std::shared_ptr<v1::ForwardingTable> table = dataplane::make_table();
  *table = table_of(*base);
  *table->mutable_overrides() = {effective.begin(), effective.end()};
  absl::StatusOr<Pushed> pushed = push(std::move(next), table, [&](const InForce& state) {
    return store_.replace_overrides(base->revision, state.overrides, to_store(state));
  });
  if (!pushed.ok()) return pushed.status();
  response.set_generation(pushed->running->generation);
  *response.mutable_nodes() = {pushed->nodes.begin(), pushed->nodes.end()};
  return response;
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
    return table;
  }
  const TableHeader header = {
      .generation = base.generation + 1,
      .revision = base.revision,
      .term = 0,
      .eligibility_epoch = base.eligibility_epoch,
      .steering_key = base.steering_key,
      .overrides = effective_overrides(base.overrides, *base.policy),
      .rollouts = next.rollouts,
  };
  Plan plan = make_plan({*base.policy, table_of(base)},
                        {*base.policy, *base.clients, SourceMap(), {}}, header);
  if (!plan.refusals.empty()) return refused(plan.refusals);
  return std::move(plan.table);
}

absl::StatusOr<uint64_t> ChangeService::set_rollout(const v1::RolloutStatus& status,
                                                    uint64_t revision) {
  const absl::MutexLock lock(&change_mutex_);
  const std::shared_ptr<const InForce> base = running();
  if (base->revision != revision || find_rollout(*base->policy, status.rollout()) == nullptr) {
    return absl::AbortedError(absl::StrCat("rollout ", status.rollout(), " was at revision ",
                                           revision, ", now revision ", base->revision,
                                           " is in force"));
  }
  InForce next = *base;
  next.rollouts = with_status(base->rollouts, status);
  if (steers_alike(status_of(base->rollouts, status.rollout()), status)) {
    absl::Status saved = store_.replace_rollouts(revision, next.rollouts, nullptr);
    if (!saved.ok()) return saved;
    const absl::MutexLock running_lock(&running_mutex_);
    running_ = std::make_shared<const InForce>(std::move(next));
    return running_->generation;
  }
  absl::StatusOr<std::shared_ptr<v1::ForwardingTable>> table = rollout_table(*base, next, status);
  if (!table.ok()) return table.status();
  absl::StatusOr<Pushed> pushed =
      push(std::move(next), *std::move(table), [&](const InForce& state) {
        const NewTable stored = to_store(state);
        return store_.replace_rollouts(revision, state.rollouts, &stored);
      });
  if (!pushed.ok()) return pushed.status();
  return pushed->running->generation;
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The one road from a change to the nodes: plan, stage, make durable, commit.
#include "controlplane/service/change_service.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <future>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/rollout/conflicts.h"
#include "controlplane/rollout/machine.h"
#include "controlplane/service/overrides.h"
#include "controlplane/service/rollout_table.h"
#include "controlplane/service/step_event.h"
#include "controlplane/store/stored_time.h"

namespace sluice::controlplane {
namespace {

uint32_t count(const Plan& plan, v1::ObjectDiff::Action action) {
  return static_cast<uint32_t>(
      std::count_if(plan.diff.begin(), plan.diff.end(),
                    [action](const v1::ObjectDiff& diff) { return diff.action() == action; }));
}

InForce in_force(StoredState stored) {
  InForce state;
  state.revision = stored.revision;
  state.generation = stored.generation;
  state.term = stored.term;
  state.eligibility_epoch = stored.eligibility_epoch;
  state.steering_key = std::move(stored.steering_key);
  state.policy = std::make_shared<const v1::Policy>(std::move(stored.policy));
  state.clients = std::make_shared<const ClientSets>(client_sets(*state.policy));
  if (stored.generation != 0)
    state.table = std::make_shared<const dataplane::CanonicalTable>(std::move(stored.table));
  state.overrides = std::move(stored.overrides);
  state.rollouts = std::move(stored.rollouts);
  state.struck = std::move(stored.struck);
  state.waiting = std::move(stored.waiting);
  return state;
}

v1::Override recalled(const v1::RecallStatus& recall) {
  v1::Override override;
  override.set_pool(recall.pool());
  override.set_backend(recall.backend());
  override.set_state(v1::Override::STATE_RECALLED);
  return override;
}

NewTable to_store(const InForce& state) {
  return {state.generation, state.eligibility_epoch, state.table->bytes(), state.struck};
}

}  // namespace

ChangeService::ChangeService(StoredState running, RevisionStore& store, Fleet& fleet, Clock clock)
    : store_(store),
      events_(store.shared()),
      fleet_(fleet),
      clock_(std::move(clock)),
      approvals_(store.shared()),
      last_generation_(running.generation),
      running_(std::make_shared<const InForce>(in_force(std::move(running)))) {
  fleet_.call_when_refused(
      [this](const std::string& node, uint64_t generation, const std::string& reason) {
        note_refusal(node, generation, reason);
      });
  fleet_.give_recalls_to([this](const v1::GetStatusResponse& node) { return adopt_recalls(node); });
}

void ChangeService::note_refusal(const std::string& node, uint64_t generation,
                                 const std::string& reason) {
  v1::Event event = step_event("node.refused", kController, reason);
  event.set_target("node/" + node);
  event.set_outcome(v1::Event::OUTCOME_REFUSED);
  event.set_revision(running()->revision);
  event.set_generation(generation);
  if (absl::Status status = events_.append(std::move(event)); !status.ok())
    spdlog::error("event: {}", std::string(status.message()));
}

std::shared_ptr<const InForce> ChangeService::running() const {
  const absl::MutexLock lock(&running_mutex_);
  return running_;
}

template <typename Save>
absl::StatusOr<ChangeService::Pushed> ChangeService::push(
    InForce next, std::shared_ptr<v1::ForwardingTable> table, NodeRefusal refusal,
    const Save& save) {
  // A number is never used for two tables, whatever became of the first.
  next.generation = ++last_generation_;
  table->set_generation(next.generation);
  next.eligibility_epoch = table->eligibility_epoch();
  next.table = std::make_shared<const dataplane::CanonicalTable>(std::move(table));

  std::optional<StagedTable> staged;
  if (refusal == NodeRefusal::kAborts) {
    absl::StatusOr<StagedTable> everywhere = fleet_.stage(next.table);
    if (!everywhere.ok()) return everywhere.status();
    staged.emplace(*std::move(everywhere));
  }
  if (staged && staged->is_over()) return given_way();
  if (absl::Status status = save(next); !status.ok()) return status;
  Pushed pushed;
  if (staged) {
    pushed.nodes = staged->commit();
  } else {
    fleet_.order(next.table);
  }
  pushed.running = std::make_shared<const InForce>(std::move(next));
  set_running(pushed.running);
  if (on_push_) on_push_(pushed.running->table);
  return pushed;
}

void ChangeService::set_running(std::shared_ptr<const InForce> next) {
  const absl::MutexLock lock(&running_mutex_);
  running_ = std::move(next);
}

absl::StatusOr<v1::ApplyResponse> ChangeService::accept(Planned planned, Origin origin) {
  v1::ApplyResponse response;
  *response.mutable_plan() = describe(planned);
  if (origin.applied) response.mutable_plan()->set_digest(origin.applied->plan().digest());
  response.set_revision(planned.base->revision);
  response.set_generation(planned.base->generation);
  if (planned.plan.diff.empty()) return response;

  NewRevision revision;
  revision.base_revision = planned.base->revision;
  revision.entry = std::move(origin.entry);
  set_time(*revision.entry.mutable_time(), absl::Now());
  revision.entry.set_created(count(planned.plan, v1::ObjectDiff::ACTION_CREATE));
  revision.entry.set_updated(count(planned.plan, v1::ObjectDiff::ACTION_UPDATE));
  revision.entry.set_deleted(count(planned.plan, v1::ObjectDiff::ACTION_DELETE));
  revision.waiting = std::move(origin.waiting);
  revision.applied = std::move(origin.applied);
  revision.approval = std::move(origin.approval);
  revision.event = std::move(origin.event);
  revision.event.set_outcome(v1::Event::OUTCOME_DONE);
  revision.event.set_plan_digest(response.plan().digest());

  InForce next = *planned.base;
  next.revision = revision.base_revision + 1;
  next.rollouts = std::move(planned.rollouts);
  revision.rollouts = next.rollouts;
  next.policy = std::move(planned.desired.policy);
  next.clients = std::move(planned.desired.clients);
  next.struck = std::move(planned.plan.struck);
  next.waiting = revision.waiting;
  if (next.waiting) {
    next.waiting->revision = next.revision;
    set_time(*response.mutable_reverts_at(), next.waiting->deadline);
  }
  // Written down while the nodes build their tables.
  std::future<std::string> written = std::async(
      std::launch::async, [policy = next.policy] { return policy->SerializeAsString(); });
  absl::StatusOr<Pushed> pushed = push(std::move(next), std::move(planned.plan.table),
                                       origin.refusal, [&](const InForce& state) {
                                         revision.policy = written.get();
                                         return store_.append(revision, to_store(state));
                                       });
  if (!pushed.ok()) return pushed.status();
  response.set_revision(pushed->running->revision);
  response.set_generation(pushed->running->generation);
  *response.mutable_nodes() = {pushed->nodes.begin(), pushed->nodes.end()};
  // What was planned on the base that has just gone can never be applied.
  if (absl::Status status = approvals_.tidy(pushed->running->revision, clock_()); !status.ok())
    spdlog::error("pending changes: {}", std::string(status.message()));
  return response;
}

absl::StatusOr<v1::SetOverrideResponse> ChangeService::set_override(
    const v1::SetOverrideRequest& request, const Caller& caller) {
  if (absl::Status status = check_overrides(request); !status.ok()) return status;
  const absl::StatusOr<std::string> author = author_of(caller, request.author());
  if (!author.ok()) return author.status();
  const std::vector<v1::Override> changes = overrides_of(request);
  // Ahead of whoever stages, until the nodes that are well have it: a node can stage one table at a
  // time.
  std::optional<RightOfWay::Claim> claim;
  if (changes.front().state() == v1::Override::STATE_RECALLED) {
    const std::shared_ptr<const InForce> base = running();
    absl::Status allowed = check_overrides(changes, base->overrides, *base->policy);
    if (!allowed.ok()) return allowed;
    if (!change_anything(changes, base->overrides)) {
      v1::SetOverrideResponse in_force;
      in_force.set_generation(base->generation);
      return in_force;
    }
    claim.emplace(fleet_.right_of_way());
  }
  const absl::StatusOr<std::shared_ptr<const InForce>> changed = put_overrides(
      changes, {{}, *author, request.message(), absl::Now()},
      request.lifts() == v1::Override::STATE_UNSPECIFIED ? v1::Override::STATE_DRAINING
                                                         : request.lifts());
  if (!changed.ok()) return changed.status();
  v1::SetOverrideResponse response;
  response.set_generation(*changed == nullptr ? running()->generation : (*changed)->generation);
  if (*changed == nullptr) return response;
  for (v1::NodeResult& node : fleet_.results(absl::Now() + kOrderPatience))
    *response.add_nodes() = std::move(node);
  return response;
}

absl::StatusOr<std::shared_ptr<const InForce>> ChangeService::put_overrides(
    const std::vector<v1::Override>& changes, OverrideOrder order, v1::Override::State lifts) {
  const absl::MutexLock lock(&change_mutex_);
  const std::shared_ptr<const InForce> base = running();
  absl::Status allowed = check_overrides(changes, base->overrides, *base->policy);
  if (!allowed.ok()) return allowed;
  for (const v1::Override& change : changes) {
    if (change.state() != v1::Override::STATE_UNSPECIFIED) continue;
    if (absl::Status status = check_lifts(change, lifts, base->overrides); !status.ok())
      return status;
  }
  return push_overrides(changes, std::move(order));
}

absl::StatusOr<std::shared_ptr<const InForce>> ChangeService::push_overrides(
    const std::vector<v1::Override>& changes, OverrideOrder order) {
  const std::shared_ptr<const InForce> base = running();
  InForce next = *base;
  std::vector<v1::Event> events;
  for (const v1::Override& change : changes) {
    std::vector<v1::Override> changed = with_override(next.overrides, change);
    if (same_overrides(changed, next.overrides)) continue;
    next.overrides = std::move(changed);
    order.override = change;
    events.push_back(override_event(order, base->overrides));
  }
  if (events.empty()) return nullptr;
  const std::vector<v1::Override> effective = effective_overrides(next.overrides, *next.policy);
  const std::shared_ptr<v1::ForwardingTable> table = dataplane::make_table();
  if (base->table != nullptr) *table = base->table->message();
  *table->mutable_overrides() = {effective.begin(), effective.end()};
  absl::StatusOr<Pushed> pushed =
      push(std::move(next), table, NodeRefusal::kIsBorne, [&](const InForce& state) {
        return store_.replace_overrides(base->revision, state.overrides, to_store(state), order,
                                        events);
      });
  if (!pushed.ok()) return pushed.status();
  return pushed->running;
}

absl::StatusOr<bool> ChangeService::is_lifted(const v1::RecallStatus& recall) {
  v1::ListEventsRequest newest;
  newest.set_kind("recall.lift");
  newest.set_target(target_of(recalled(recall)));
  newest.set_limit(1);
  const absl::StatusOr<std::vector<v1::Event>> lifts = events_.list(newest);
  if (!lifts.ok()) return lifts.status();
  return !lifts->empty() && recall.has_since() &&
         time_of(lifts->back().time()) > time_of(recall.since());
}

absl::Status ChangeService::adopt_recalls(const v1::GetStatusResponse& node) {
  const absl::MutexLock lock(&change_mutex_);
  for (const v1::RecallStatus& recall : node.recalls()) {
    const v1::Override place = recalled(recall);
    if (is_recalled(place, running()->overrides)) continue;
    const absl::StatusOr<bool> lifted = is_lifted(recall);
    if (!lifted.ok()) return lifted.status();
    if (*lifted) continue;
    const OverrideOrder order = {
        place, kController,
        absl::StrCat("node ", node.node(), " has recalled it since before the restore"),
        absl::Now()};
    if (absl::Status status = push_overrides({place}, order).status(); !status.ok()) return status;
    spdlog::warn("{} is recalled: {}", target_of(place), order.reason);
  }
  return absl::OkStatus();
}

absl::Status ChangeService::overtake(uint64_t generation) {
  const absl::MutexLock lock(&change_mutex_);
  const std::shared_ptr<const InForce> base = running();
  if (base->table == nullptr) return absl::OkStatus();
  last_generation_ = std::max(last_generation_, generation);
  const std::shared_ptr<v1::ForwardingTable> table = dataplane::make_table();
  *table = base->table->message();
  table->set_term(base->term);
  v1::Event event;
  event.set_kind("restore.overtake");
  event.set_actor("controller");
  event.set_outcome(v1::Event::OUTCOME_DONE);
  event.set_reason(absl::StrCat("generation ", generation, " of before the restore runs"));
  return push(*base, table, NodeRefusal::kIsBorne,
              [&](const InForce& state) {
                return store_.replace_overrides(base->revision, state.overrides, to_store(state),
                                                {}, {event});
              })
      .status();
}

absl::StatusOr<uint64_t> ChangeService::set_rollout(const v1::RolloutStatus& status,
                                                    uint64_t revision,
                                                    const std::vector<v1::Event>& events) {
  return give_way([&] { return try_set_rollout(status, revision, events); });
}

absl::StatusOr<uint64_t> ChangeService::try_set_rollout(const v1::RolloutStatus& status,
                                                        uint64_t revision,
                                                        const std::vector<v1::Event>& events) {
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
    absl::Status saved = store_.replace_rollouts(revision, next.rollouts, nullptr, events);
    if (!saved.ok()) return saved;
    set_running(std::make_shared<const InForce>(std::move(next)));
    return base->generation;
  }
  absl::StatusOr<std::shared_ptr<v1::ForwardingTable>> table = rollout_table(*base, next, status);
  if (!table.ok()) return table.status();
  const bool lowers = status.weight() <= status_of(base->rollouts, status.rollout()).weight();
  absl::StatusOr<Pushed> pushed =
      push(std::move(next), *std::move(table),
           lowers ? NodeRefusal::kIsBorne : NodeRefusal::kAborts, [&](const InForce& state) {
             const NewTable stored = to_store(state);
             return store_.replace_rollouts(revision, state.rollouts, &stored, events);
           });
  if (!pushed.ok()) return pushed.status();
  return pushed->running->generation;
}

}  // namespace sluice::controlplane

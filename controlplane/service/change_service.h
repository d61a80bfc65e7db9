// SPDX-License-Identifier: Apache-2.0
//
// The one road from a change to the nodes: plan, stage, make durable, commit.
#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/planner/plan.h"
#include "controlplane/policy/change.h"
#include "controlplane/policy/client_sets.h"
#include "controlplane/rollout/slewed_clock.h"
#include "controlplane/service/approvals.h"
#include "controlplane/service/caller.h"
#include "controlplane/store/event_log.h"
#include "controlplane/store/revision_store.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

// What is in force. The large parts never change and are shared by all who use them.
struct InForce {
  uint64_t revision = 0;    // 0: no policy yet
  uint64_t generation = 0;  // of `table`; 0: no table yet
  uint64_t term = 0;
  uint64_t eligibility_epoch = 1;
  std::string steering_key;
  std::shared_ptr<const v1::Policy> policy;
  std::shared_ptr<const ClientSets> clients;               // the policy's
  std::shared_ptr<const dataplane::CanonicalTable> table;  // null: no table yet
  std::vector<v1::Override> overrides;
  std::vector<v1::RolloutStatus> rollouts;  // sorted by name; those never started have none
  std::vector<v1::Strike> struck;           // compiled out of `table`
  std::optional<Waiting> waiting;  // the revision, when it reverts by itself unless confirmed
};

// Everybody where no roles are configured.
inline Caller anybody() {
  return {"", v1::ROLE_ADMIN, false};
}

// Whether a policy that contradicts a rollout is refused. What happens by itself is not: a revert
// that waited for a rollout would be none.
enum class Conflicts { kRefuse, kOverride };
struct Leniency {
  Forbidden forbidden = Forbidden::kRefuse;
  Conflicts conflicts = Conflicts::kRefuse;
  std::optional<uint64_t> back_to;  // the revision whose policy comes back
};
inline Leniency leniency_of(const v1::Change& change) {
  return {.forbidden = change.strike() ? Forbidden::kStrike : Forbidden::kRefuse};
}
// What was in force may have had pools struck out, and it comes back all the same.
inline constexpr Leniency kReverting = {Forbidden::kStrike, Conflicts::kOverride};

// Whether a node that refuses a table takes it back from everybody. What takes flows away from a
// pool, or ends what was for a while only, is in force all the same: such a node is named like one
// that is away, and brought there when it can be.
enum class NodeRefusal { kAborts, kIsBorne };

// How long the answer to an order waits for the nodes. Those that are well need a fraction of it.
inline constexpr absl::Duration kOrderPatience = absl::Seconds(1);

// What everybody should know while it waits, in one line.
std::string notice_of(const Waiting& waiting);

// Plans are made outside of every lock; what changes the running state is serialised.  Thread: any.
class ChangeService {
 public:
  // To be called before the fleet starts, which is to be stopped before this goes. By `clock` times
  // end that were given for a while.
  ChangeService(StoredState running, RevisionStore& store, Fleet& fleet,
                Clock clock = slewed_clock());

  // `on_push` is called with every table that comes in force, under the lock of changes. To be
  // called before any change.
  void call_when_pushed(std::function<void(const Target&)> on_push) {
    on_push_ = std::move(on_push);
  }

  // Errors: INVALID_ARGUMENT (all violations), FAILED_PRECONDITION (guardrails), ABORTED (the base
  // is stale).
  absl::StatusOr<v1::PlanResponse> plan(const v1::Change& change) const;
  // Errors: as `plan`, FAILED_PRECONDITION (a node refused; too much would move), ABORTED (a
  // revision waits to be confirmed), PERMISSION_DENIED (the role; or it waits for approvals now),
  // those of the store. Nothing changed then.
  absl::StatusOr<v1::ApplyResponse> apply(const v1::ApplyRequest& request,
                                          const Caller& caller = anybody());
  // Errors: NOT_FOUND (revision), INVALID_ARGUMENT (terms for what ends a wait), and as `apply`.
  absl::StatusOr<v1::ApplyResponse> rollback(const v1::RollbackRequest& request,
                                             const Caller& caller = anybody());
  // Errors: NOT_FOUND (nothing waits, or another revision), FAILED_PRECONDITION (it broke glass).
  absl::StatusOr<v1::ConfirmResponse> confirm(const v1::ConfirmRequest& request,
                                              const Caller& caller = anybody());
  // Errors: NOT_FOUND (change), ABORTED (it is decided or void), PERMISSION_DENIED (the author's
  // own, twice the same), and as `apply`: the approval does not count then.
  absl::StatusOr<v1::DecideChangeResponse> decide(const v1::DecideChangeRequest& request,
                                                  const Caller& caller);
  // All of the request's overrides or none. Setting what is set and lifting what is not there
  // changes nothing. Each node is brought there by itself; the answer says how far they are within
  // `kOrderPatience`.
  // Errors: INVALID_ARGUMENT (state; a recall without a reason), NOT_FOUND (all unknown names),
  // FAILED_PRECONDITION (it would weaken a recall), those of the store.
  absl::StatusOr<v1::SetOverrideResponse> set_override(const v1::SetOverrideRequest& request,
                                                       const Caller& caller = anybody());

  // What happens by itself, to be called again and again, with `now` of this service's clock.
  // Reverts what was not confirmed in time and gives up changes that waited too long for approvals.
  absl::Status tend(absl::Time now);
  absl::Time now() const { return clock_(); }
  // After a restore, nodes run generations of before it that may be higher: the running table goes
  // out again under a number above them.
  absl::Status overtake(uint64_t generation);

  // Makes the status durable, and the table that follows from it the running one; returns its
  // generation. A smaller share is put into force without a plan, whatever nodes say.
  // Errors: ABORTED (`revision`, on which the status rests, is not in force), and as `apply`.
  // `events` tell of it, and are durable with it.
  absl::StatusOr<uint64_t> set_rollout(const v1::RolloutStatus& status, uint64_t revision,
                                       const std::vector<v1::Event>& events = {});

  std::shared_ptr<const InForce> running() const;
  Approvals& approvals() { return approvals_; }

 private:
  struct Candidate {  // a policy that passed `validate_policy`
    std::shared_ptr<const v1::Policy> policy;
    std::shared_ptr<const ClientSets> clients;
    ObjectNames touched;
  };
  struct Planned {
    std::shared_ptr<const InForce> base;
    Candidate desired;
    Plan plan;
    std::vector<v1::RolloutStatus> rollouts;  // under the desired policy
    std::vector<v1::NodeEffect> effects;      // on the live flows of each node, where that counts
  };
  struct Origin {  // of a revision, for the history and the events
    v1::RevisionEntry entry;
    v1::Event event;
    std::optional<Waiting> waiting;
    std::optional<v1::PendingChange> applied;
    std::optional<v1::Event> approval;
    NodeRefusal refusal = NodeRefusal::kAborts;
  };
  struct FailedRevert {
    std::string error;  // of the last attempt; empty: none failed
    absl::Duration pause;
    absl::Time try_again = absl::InfinitePast();
  };
  struct Pushed {
    std::shared_ptr<const InForce> running;
    std::vector<v1::NodeResult> nodes;
  };

  static constexpr absl::Duration kGiveWayPatience = absl::Seconds(30);

  // Tries again what gave way to a recall, once that is in force: but not for ever, where one
  // recall follows the other.
  template <typename Attempt>
  auto give_way(const Attempt& attempt) {
    for (absl::Time end = absl::InfiniteFuture();;) {
      auto result = attempt();
      if (!has_given_way(result.status())) return result;
      end = std::min(end, absl::Now() + kGiveWayPatience);
      if (absl::Now() >= end || !fleet_.right_of_way().await_free(end))
        return decltype(result)(absl::AbortedError("it gave way to recalls: try again"));
    }
  }
  absl::StatusOr<v1::ApplyResponse> try_apply(const v1::ApplyRequest& request, const Caller& caller)
      ABSL_LOCKS_EXCLUDED(change_mutex_);
  absl::StatusOr<v1::DecideChangeResponse> try_decide(const v1::DecideChangeRequest& request,
                                                      const Caller& caller)
      ABSL_LOCKS_EXCLUDED(change_mutex_);
  absl::StatusOr<uint64_t> try_set_rollout(const v1::RolloutStatus& status, uint64_t revision,
                                           const std::vector<v1::Event>& events)
      ABSL_LOCKS_EXCLUDED(change_mutex_);

  absl::StatusOr<Planned> plan_change(const v1::Change& change,
                                      std::optional<uint64_t> back_to = std::nullopt) const;
  // With what it does to live flows where the request bounds that: nodes are asked.
  absl::StatusOr<Planned> plan_request(const v1::ApplyRequest& request) const;
  absl::StatusOr<Planned> plan_policy(std::shared_ptr<const InForce> base, Candidate desired,
                                      const SourceMap& source, Leniency leniency) const;
  absl::StatusOr<Planned> plan_revision(std::shared_ptr<const InForce> base, uint64_t revision,
                                        Leniency leniency) const;
  static v1::PlanResponse describe(const Planned& planned);
  // What stands against this request, beside what `plan` finds.
  absl::Status check_rules(const Planned& planned, const v1::PlanResponse& plan,
                           const v1::ApplyRequest& request, const Caller& caller) const;
  // The wait that this request asks for; unset: none.
  static std::optional<Waiting> wait_of(const v1::ApplyRequest& request, const InForce& base,
                                        absl::Time now);
  // Whose step it is and why, for the history and the events.
  static void sign(const v1::ApplyRequest& request, Origin& origin);
  absl::StatusOr<v1::ApplyResponse> take_back(const Waiting& waiting)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  absl::StatusOr<v1::ApplyResponse> end_wait(Planned planned, Origin origin)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  // Reverts what waits when its time is over.
  absl::Status end_overdue(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  // What waits, never for longer than anything may: a restarted controller's clock may have been
  // set back.
  std::optional<Waiting> bounded_wait(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  void note_failed_revert(const Waiting& waiting, const absl::Status& failure, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  absl::Status stop_waiting(v1::Event event) ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  // Applies what passed every rule, or asks for the approvals that it needs.
  absl::StatusOr<v1::ApplyResponse> apply_planned(Planned planned, const v1::ApplyRequest& request,
                                                  const Caller& caller, Origin origin)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  // What applying the change would do; with what it does to live flows where that is bounded.
  absl::StatusOr<Planned> plan_approved(const StoredChange& stored) const;
  // The plan of what the decision would apply, made ahead of the lock; unset: it applies nothing.
  std::optional<Planned> plan_ahead(const v1::DecideChangeRequest& request);
  // `ahead` counts when its base is still in force.
  absl::StatusOr<v1::ApplyResponse> apply_approved(const StoredChange& stored,
                                                   std::optional<Planned> ahead)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  void set_running(std::shared_ptr<const InForce> next);
  absl::StatusOr<v1::ApplyResponse> accept(Planned planned, Origin origin)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  // The recalls that this node runs, unless they are in force or a lift of them is on record since.
  absl::Status adopt_recalls(const v1::GetStatusResponse& node);
  absl::StatusOr<bool> is_lifted(const v1::RecallStatus& recall);
  // Puts `changes` into force whatever they say. Null: nothing changed.  Shape: `order` says who
  // and why.
  absl::StatusOr<std::shared_ptr<const InForce>> push_overrides(
      const std::vector<v1::Override>& changes, OverrideOrder order)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  // Each set, or lifted when it has the state `lifts`. Null: nothing changed.
  absl::StatusOr<std::shared_ptr<const InForce>> put_overrides(
      const std::vector<v1::Override>& changes, OverrideOrder order, v1::Override::State lifts)
      ABSL_LOCKS_EXCLUDED(change_mutex_);
  struct WayBack {
    uint64_t revision = 0;
    bool ends_wait = false;
    Planned planned;
  };
  // Errors: as `rollback`.
  absl::StatusOr<WayBack> plan_back(const v1::RollbackRequest& request,
                                    const v1::ApplyRequest& as_apply,
                                    const std::shared_ptr<const InForce>& base) const;
  absl::StatusOr<v1::ApplyResponse> go_back(const v1::RollbackRequest& request,
                                            v1::ApplyRequest as_apply, const Caller& caller)
      ABSL_LOCKS_EXCLUDED(change_mutex_);
  // Nobody asked for this step, so nobody else would know of the refusal.
  void note_refusal(const std::string& node, uint64_t generation, const std::string& reason);
  // A table for these rollouts, planned where one of them gets more than in `base`.
  absl::StatusOr<std::shared_ptr<v1::ForwardingTable>> rollout_table(
      const InForce& base, const InForce& next, const v1::RolloutStatus& status) const;
  // Gives `next` a generation and this table, stages it, calls `save`, commits, makes `next` the
  // running state. Where refusals are borne nodes are sent there once it is saved, each by itself,
  // and not waited for: the results are empty then.
  template <typename Save>
  absl::StatusOr<Pushed> push(InForce next, std::shared_ptr<v1::ForwardingTable> table,
                              NodeRefusal refusal, const Save& save)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);

  RevisionStore& store_;
  EventLog events_;
  Fleet& fleet_;
  const Clock clock_;
  std::function<void(const Target&)> on_push_;
  Approvals approvals_;
  absl::Mutex change_mutex_;  // held from the last look at the base until the commit
  uint64_t last_generation_ ABSL_GUARDED_BY(change_mutex_);  // also of tables that were refused
  FailedRevert failed_revert_ ABSL_GUARDED_BY(change_mutex_);

  mutable absl::Mutex running_mutex_;
  std::shared_ptr<const InForce> running_ ABSL_GUARDED_BY(running_mutex_);
};

}  // namespace sluice::controlplane

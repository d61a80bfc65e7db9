// SPDX-License-Identifier: Apache-2.0
//
// The one road from a change to the nodes: plan, stage, make durable, commit.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/planner/plan.h"
#include "controlplane/policy/change.h"
#include "controlplane/policy/client_sets.h"
#include "controlplane/store/revision_store.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

// What is in force. The large parts never change and are shared by all who use them.
struct InForce {
  uint64_t revision = 0;    // 0: no policy yet
  uint64_t generation = 0;  // of `table`; 0: no table yet
  uint64_t eligibility_epoch = 1;
  std::string steering_key;
  std::shared_ptr<const v1::Policy> policy;
  std::shared_ptr<const ClientSets> clients;               // the policy's
  std::shared_ptr<const dataplane::CanonicalTable> table;  // null: no table yet
  std::vector<v1::Override> overrides;
  std::vector<v1::RolloutStatus> rollouts;  // sorted by name; those never started have none
};

// Plans are made outside of every lock; what changes the running state is serialised.  Thread: any.
class ChangeService {
 public:
  ChangeService(StoredState running, RevisionStore& store, Fleet& fleet);

  // Errors: INVALID_ARGUMENT (all violations), FAILED_PRECONDITION (guardrails), ABORTED (the base
  // is stale).
  absl::StatusOr<v1::PlanResponse> plan(const v1::Change& change) const;
  // Errors: as `plan`, FAILED_PRECONDITION (a node refused), those of the store. Nothing changed
  // then.
  absl::StatusOr<v1::ApplyResponse> apply(const v1::ApplyRequest& request);
  // Errors: NOT_FOUND (revision), and as `apply`.
  absl::StatusOr<v1::ApplyResponse> rollback(const v1::RollbackRequest& request);
  // Setting what is set and lifting what is not there changes nothing.
  // Errors: INVALID_ARGUMENT (state), NOT_FOUND, and as `apply`.
  absl::StatusOr<v1::SetOverrideResponse> set_override(const v1::SetOverrideRequest& request);

  // Makes the status durable, and the table that follows from it the running one; returns its
  // generation. A smaller share is put into force without a plan.
  // Errors: ABORTED (`revision`, on which the status rests, is not in force), and as `apply`.
  absl::StatusOr<uint64_t> set_rollout(const v1::RolloutStatus& status, uint64_t revision);

  std::shared_ptr<const InForce> running() const;

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
  };
  struct Origin {  // of a revision, for the history
    std::string author;
    std::string message;
    uint64_t rollback_of = 0;
  };
  struct Pushed {
    std::shared_ptr<const InForce> running;
    std::vector<v1::NodeResult> nodes;
  };

  absl::StatusOr<Planned> plan_change(const v1::Change& change) const;
  absl::StatusOr<Planned> plan_policy(std::shared_ptr<const InForce> base, Candidate desired,
                                      const SourceMap& source) const;
  absl::StatusOr<v1::ApplyResponse> accept(Planned planned, const Origin& origin)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);
  // A table for these rollouts, planned where one of them gets more than in `base`.
  absl::StatusOr<std::shared_ptr<v1::ForwardingTable>> rollout_table(
      const InForce& base, const InForce& next, const v1::RolloutStatus& status) const;
  // Gives `next` a generation and this table, stages it, calls `save`, commits, makes `next` the
  // running state.
  template <typename Save>
  absl::StatusOr<Pushed> push(InForce next, std::shared_ptr<v1::ForwardingTable> table,
                              const Save& save) ABSL_EXCLUSIVE_LOCKS_REQUIRED(change_mutex_);

  RevisionStore& store_;
  Fleet& fleet_;
  absl::Mutex change_mutex_;  // held from the last look at the base until the commit
  uint64_t last_generation_ ABSL_GUARDED_BY(change_mutex_);  // also of tables that were refused

  mutable absl::Mutex running_mutex_;
  std::shared_ptr<const InForce> running_ ABSL_GUARDED_BY(running_mutex_);
};

}  // namespace sluice::controlplane

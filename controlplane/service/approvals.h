// SPDX-License-Identifier: Apache-2.0
//
// Changes that wait until enough other people approve exactly what the author asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/service/caller.h"
#include "controlplane/store/change_store.h"
#include "controlplane/store/database.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

// A request that nobody completes within a day is given up: who wants it still asks again, on the
// policy of then.
inline constexpr absl::Duration kApprovalsWait = absl::Hours(24);

// Whether the status is `ask`'s: nothing was refused, it waits.
bool is_pending(const absl::Status& status);

// An approval belongs to one plan on one revision: when either moves, it is void. Every step is
// durable with its event before it is answered.  Thread: any; the caller serialises decisions with
// what they lead to.
class Approvals {
 public:
  explicit Approvals(std::shared_ptr<SharedDatabase> shared) : store_(std::move(shared)) {}

  // Writes the request down.  Always an error: PERMISSION_DENIED, which says what to do.
  absl::Status ask(const v1::ApplyRequest& request, const v1::PlanResponse& plan,
                   uint64_t rollback_of, absl::Time now);

  // The change with this caller's approval among its approvals; nothing is written yet.
  // Errors: NOT_FOUND (id), ABORTED (decided, expired, the base is not `revision`, another plan),
  // PERMISSION_DENIED (role, the author's own, twice the same).
  absl::StatusOr<StoredChange> with_approval(const v1::DecideChangeRequest& request,
                                             const Caller& caller, uint64_t revision,
                                             absl::Time now);
  // An approval that was not the last one.
  absl::Status keep(const v1::PendingChange& change);
  // Errors: as `with_approval`, and INVALID_ARGUMENT (no reason).
  absl::StatusOr<v1::PendingChange> reject(const v1::DecideChangeRequest& request,
                                           const Caller& caller, uint64_t revision, absl::Time now);

  // Gives up what can never be applied any more: its base is not `revision`, or its time is over.
  absl::Status tidy(uint64_t revision, absl::Time now);

  absl::StatusOr<std::vector<v1::PendingChange>> list(ChangeStore::Which which) {
    return store_.list(which);
  }

 private:
  absl::StatusOr<StoredChange> find_open(uint64_t id, const Caller& caller, uint64_t revision,
                                         absl::Time now);
  absl::Status close(v1::PendingChange change, v1::PendingChange::State state,
                     const std::string& reason);

  ChangeStore store_;
};

}  // namespace sluice::controlplane

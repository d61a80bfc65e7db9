// SPDX-License-Identifier: Apache-2.0
//
// Changes that wait until enough other people approve exactly what the author asked for.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/service/caller.h"
#include "controlplane/store/change_store.h"
#include "controlplane/store/database.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

// A request that nobody completes within a day is given up: who wants it still asks again, on the
// policy of then.
inline constexpr absl::Duration kApprovalsWait = absl::Hours(24);
// What may wait at once: many times what people decide on in a day, and a few of the largest
// policies (20 MiB). One author leaves room for the others.
inline constexpr size_t kOpenChangesMax = 100;
inline constexpr size_t kOpenChangesOfAuthorMax = 20;
inline constexpr uint64_t kOpenBytesMax = uint64_t{128} << 20;
inline constexpr uint64_t kOpenBytesOfAuthorMax = uint64_t{64} << 20;

// Whether the status is `ask`'s: nothing was refused, it waits.
bool is_pending(const absl::Status& status);

// An approval belongs to one plan on its terms, on one revision: when any of them moves, it is
// void. Every step is durable with its event before it is answered.  Thread: any; the caller
// serialises decisions with what they lead to.
class Approvals {
 public:
  explicit Approvals(std::shared_ptr<SharedDatabase> shared) : store_(std::move(shared)) {}

  // Writes the request down.  Always an error: PERMISSION_DENIED, which says what to do;
  // RESOURCE_EXHAUSTED (too much waits already).
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
  // What is written about the newest approval.
  static v1::Event approval_event(const v1::PendingChange& change);
  // Errors: as `with_approval`, and INVALID_ARGUMENT (no reason).
  absl::StatusOr<v1::PendingChange> reject(const v1::DecideChangeRequest& request,
                                           const Caller& caller, uint64_t revision, absl::Time now);

  // Gives up what can never be applied any more: its base is not `revision`, or its time is over.
  // Costs nothing when there is none.
  absl::Status tidy(uint64_t revision, absl::Time now);

  // Newest first, without files.
  absl::StatusOr<std::vector<v1::PendingChange>> list(ChangeStore::Which which) {
    return store_.list(which);
  }
  // One, whole.  Errors: NOT_FOUND (id).
  absl::StatusOr<v1::PendingChange> find(uint64_t id);
  absl::StatusOr<StoredChange> find_stored(uint64_t id) { return store_.find(id); }

 private:
  absl::StatusOr<StoredChange> find_open(uint64_t id, const Caller& caller, uint64_t revision,
                                         absl::Time now);
  absl::Status close(v1::PendingChange change, v1::PendingChange::State state,
                     const std::string& reason);

  // Reads what waits when nothing was read yet.
  absl::Status load() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status check_room(const OpenChange& asked) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // It waits no more, and the store is told why unless it was decided.
  absl::Status give_up(const OpenChange& open, uint64_t revision);

  ChangeStore store_;
  absl::Mutex mutex_;
  // Outlines of what waits, or was decided since the last `tidy`; unset: not read yet.
  std::optional<std::vector<OpenChange>> open_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What the controller must never forget: the accepted policies, the running table, drains and
// recalls, what waits to be confirmed, the steering key.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/store/database.h"
#include "controlplane/store/waiting.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// Everything a starting controller resumes from.
struct StoredState {
  uint64_t revision = 0;    // 0: no policy yet
  uint64_t generation = 0;  // of `table`; 0: no table yet
  uint64_t term = 0;        // raised by every restore
  uint64_t eligibility_epoch = 1;
  std::string steering_key;  // 16 bytes, made with the store
  v1::Policy policy;
  v1::ForwardingTable table;
  std::vector<v1::Override> overrides;      // sorted by pool and backend
  std::vector<v1::RolloutStatus> rollouts;  // sorted by name
  std::vector<v1::Strike> struck;           // compiled out of `table`
  std::optional<Waiting> waiting;
};

struct NewRevision {
  uint64_t base_revision = 0;  // what it was planned on; compared before anything is written
  v1::RevisionEntry entry;     // its number is base_revision + 1
  std::string policy;          // a serialized `v1::Policy`
  std::vector<v1::RolloutStatus> rollouts;  // that remain under it
  std::optional<Waiting> waiting;           // its `revision` is set here; unset: nothing waits then
  std::optional<v1::PendingChange> applied;  // the change that is applied by this revision
  std::optional<v1::Event> approval;         // the last one, which led to it
  v1::Event event;  // about it; its revision, generation and target are set here
};

// Who set an override, and why.
struct OverrideOrder {
  v1::Override override;
  std::string author;
  std::string reason;
  absl::Time time;
};

struct NewTable {
  uint64_t generation = 0;
  uint64_t eligibility_epoch = 0;
  std::string_view bytes;               // a serialized `v1::ForwardingTable`; outlives the call
  std::vector<v1::Strike> struck = {};  // compiled out of it
};

// Thread: any.
class RevisionStore {
 public:
  // Errors: as `Database::open`, and DATA_LOSS when a stored message cannot be read.
  static absl::StatusOr<std::unique_ptr<RevisionStore>> open(const std::string& path);

  absl::StatusOr<StoredState> load();

  // The revision and its table, durable or not there at all.
  // Errors: ABORTED (the newest revision is not the base, or the generation is not newer).
  absl::Status append(const NewRevision& revision, const NewTable& table);

  // Drains, recalls and the table that carries them; the revision stays. Overrides that were not
  // there before have `order`'s author, reason and time. `events` are written with them.
  // Errors: ABORTED (`base_revision` is not the newest, or the generation is not newer).
  absl::Status replace_overrides(uint64_t base_revision, const std::vector<v1::Override>& overrides,
                                 const NewTable& table, const OverrideOrder& order = {},
                                 std::vector<v1::Event> events = {});
  absl::StatusOr<std::vector<OverrideOrder>> override_orders();

  // Nothing waits any more; `event` says why.
  absl::Status confirm(v1::Event event);

  // Statuses of rollouts, and the table that carries them where it changes with them; the revision
  // stays. `table` null: it does not change. `events` are written with them; their revision and
  // generation are set here.  Errors: as `replace_overrides`.
  absl::Status replace_rollouts(uint64_t base_revision,
                                const std::vector<v1::RolloutStatus>& rollouts,
                                const NewTable* table, std::vector<v1::Event> events = {});

  // Errors: NOT_FOUND.
  absl::StatusOr<v1::Policy> policy_of(uint64_t revision);
  // How far rollouts were when that revision was replaced, and when each later one was, in order;
  // empty for what is in force and for what an older version wrote.
  absl::StatusOr<std::vector<v1::ListRolloutsResponse>> rollouts_since(uint64_t revision);
  // Newest first.
  absl::StatusOr<std::vector<v1::RevisionEntry>> list(uint32_t limit);

  // A complete copy of the file beside it, as of the end of the call; whoever asked for it deletes
  // it. The store is used by others meanwhile: `pause` is called between two pieces, without its
  // lock; null: a moment of sleep. Errors: those of the disk.
  absl::StatusOr<std::string> copy(const std::function<void()>& pause = nullptr);

  // For the other stores of the same file.
  const std::shared_ptr<SharedDatabase>& shared() const { return shared_; }

 private:
  explicit RevisionStore(std::shared_ptr<SharedDatabase> shared)
      : shared_(std::move(shared)), mutex_(shared_->mutex), database_(shared_->database) {}

  absl::Status write_extras(const NewRevision& revision, const NewTable& table)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status keep_rollouts(uint64_t revision) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status write_table(uint64_t revision, const NewTable& table)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status check_revision(uint64_t base_revision) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<uint64_t> read_generation() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status check_base(uint64_t base_revision, const NewTable& table)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status write_overrides(const std::vector<v1::Override>& overrides,
                               const OverrideOrder& order) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status write_revision(const NewRevision& revision) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::vector<OverrideOrder>> read_overrides() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<v1::Policy> read_policy(uint64_t revision) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status unreadable(const char* what) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<SharedDatabase> shared_;
  uint64_t copies_ ABSL_GUARDED_BY(mutex_) = 0;  // that were made, so that each has its own name
  absl::Mutex& mutex_;                           // the shared one's; likewise the database
  Database& database_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Changes that wait, or waited, for the approval of others.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/store/database.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

struct StoredChange {
  v1::PendingChange change;
  uint64_t rollback_of = 0;  // the change is a rollback to this revision; 0: it is none
};

// One that waits, without its contents.
struct OpenChange {
  uint64_t id = 0;
  uint64_t base_revision = 0;
  std::string author;
  absl::Time expires;
  uint64_t size_bytes = 0;
};
OpenChange outline_of(const v1::PendingChange& change);

// Of those that wait no more the newest are kept, without their files: what they would have done
// stays readable, and the store does not grow for ever.
inline constexpr int64_t kEndedChangesMax = 1'000;
inline constexpr int64_t kEndedChangesBytesMax = int64_t{64} << 20;

// Replaces what is stored under its id, inside the caller's transaction.
absl::Status write_change(Database& database, const v1::PendingChange& change);

// Thread: any.
class ChangeStore {
 public:
  // `shared` is of the controller's schema.
  explicit ChangeStore(std::shared_ptr<SharedDatabase> shared) : shared_(std::move(shared)) {}

  // Gives `stored.change` the next id and writes it, with `event` about it.
  absl::Status add(StoredChange& stored, v1::Event event);
  // Errors: NOT_FOUND (id).
  absl::StatusOr<StoredChange> find(uint64_t id);
  // Replaces a change, with `event` about it.
  absl::Status replace(const v1::PendingChange& change, v1::Event event);
  absl::StatusOr<std::vector<OpenChange>> open();
  enum class Which { kPending, kAll };
  // Newest first, without the files that they carry.
  absl::StatusOr<std::vector<v1::PendingChange>> list(Which which);

 private:
  template <typename Take>
  absl::Status read_all(Which which, const Take& take);

  std::shared_ptr<SharedDatabase> shared_;
};

}  // namespace sluice::controlplane

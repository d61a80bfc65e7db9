// SPDX-License-Identifier: Apache-2.0
//
// Changes that wait, or waited, for the approval of others.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/store/database.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

struct StoredChange {
  v1::PendingChange change;
  uint64_t rollback_of = 0;  // the change is a rollback to this revision; 0: it is none
};

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
  enum class Which { kPending, kAll };
  // Newest first.
  absl::StatusOr<std::vector<v1::PendingChange>> list(Which which);

 private:
  absl::StatusOr<StoredChange> read(Statement& statement) const;

  std::shared_ptr<SharedDatabase> shared_;
};

}  // namespace sluice::controlplane

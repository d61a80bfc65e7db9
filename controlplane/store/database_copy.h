// SPDX-License-Identifier: Apache-2.0
//
// A copy of a database that is made piece by piece while the database is used.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/store/database.h"

struct sqlite3_backup;

namespace sluice::controlplane {

// What changes meanwhile goes into the copy too, so that it is the database as of the last piece.
// Thread: the source's; it may be used by others between two calls.  Source: SQLite's online backup
// interface.
class DatabaseCopy {
 public:
  // `path` is made; nobody uses it yet. `source` outlives the copy, and is not moved.
  // Errors: those of the disk, likewise of `advance`.
  static absl::StatusOr<DatabaseCopy> begin(Database& source, const std::string& path);

  // True: the copy is complete. Not durable: who needs that reads it and writes it elsewhere.
  absl::StatusOr<bool> advance(int pages);

 private:
  struct Finisher {
    void operator()(sqlite3_backup* backup) const;
  };
  explicit DatabaseCopy(Database target) : target_(std::move(target)) {}

  Database target_;
  std::unique_ptr<sqlite3_backup, Finisher> backup_;  // ends before its target does
};

}  // namespace sluice::controlplane

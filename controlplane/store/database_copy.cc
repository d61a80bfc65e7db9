// SPDX-License-Identifier: Apache-2.0
//
// A copy of a database that is made piece by piece while the database is used.
#include "controlplane/store/database_copy.h"

#include <sqlite3.h>

#include <utility>

namespace sluice::controlplane {

void DatabaseCopy::Finisher::operator()(sqlite3_backup* backup) const {
  sqlite3_backup_finish(backup);
}

absl::StatusOr<DatabaseCopy> DatabaseCopy::begin(Database& source, const std::string& path) {
  absl::StatusOr<Database> target = Database::connect(path);
  if (!target.ok()) return target.status();
  // A copy that breaks off is thrown away, and syncing a large one would hold up its source.
  absl::Status status = target->execute("PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF");
  if (!status.ok()) return status;
  DatabaseCopy copy(*std::move(target));
  sqlite3* connection = copy.target_.connection_.get();
  copy.backup_.reset(sqlite3_backup_init(connection, "main", source.connection_.get(), "main"));
  if (copy.backup_ == nullptr) return copy.target_.error(sqlite3_extended_errcode(connection));
  return copy;
}

absl::StatusOr<bool> DatabaseCopy::advance(int pages) {
  const int code = sqlite3_backup_step(backup_.get(), pages);
  if (code == SQLITE_DONE) return true;
  if (code == SQLITE_OK) return false;
  return target_.error(code);
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Changes that wait, or waited, for the approval of others.
#include "controlplane/store/change_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/store/event_log.h"

namespace sluice::controlplane {

absl::Status write_change(Database& database, const v1::PendingChange& change) {
  absl::StatusOr<Statement> statement =
      database.prepare("UPDATE change SET state = ?, message = ? WHERE id = ?");
  if (!statement.ok()) return statement.status();
  return statement->bind(int64_t{change.state()})
      .bind_blob(change.SerializeAsString())
      .bind(change.id())
      .run();
}

absl::Status ChangeStore::add(StoredChange& stored, v1::Event event) {
  const absl::MutexLock lock(&shared_->mutex);
  Database& database = shared_->database;
  absl::StatusOr<Transaction> transaction = Transaction::begin(database);
  if (!transaction.ok()) return transaction.status();
  absl::StatusOr<Statement> insert = database.prepare(
      "INSERT INTO change(state, rollback_of, message) VALUES(?, ?, x'') RETURNING id");
  if (!insert.ok()) return insert.status();
  const absl::StatusOr<bool> row =
      insert->bind(int64_t{stored.change.state()}).bind(stored.rollback_of).step();
  if (!row.ok()) return row.status();
  stored.change.set_id(insert->number(0));
  insert->reset();
  if (absl::Status status = write_change(database, stored.change); !status.ok()) return status;
  event.set_target(absl::StrCat("change/", stored.change.id()));
  if (absl::Status status = insert_event(database, event); !status.ok()) return status;
  return transaction->commit();
}

absl::StatusOr<StoredChange> ChangeStore::read(Statement& statement) const {
  StoredChange stored;
  stored.rollback_of = statement.number(0);
  if (!stored.change.ParseFromString(statement.bytes(1))) {
    return absl::DataLossError("a stored change cannot be read");
  }
  return stored;
}

absl::StatusOr<StoredChange> ChangeStore::find(uint64_t id) {
  const absl::MutexLock lock(&shared_->mutex);
  absl::StatusOr<Statement> statement =
      shared_->database.prepare("SELECT rollback_of, message FROM change WHERE id = ?");
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->bind(id).step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::NotFoundError(absl::StrCat("there is no change ", id));
  return read(*statement);
}

absl::Status ChangeStore::replace(const v1::PendingChange& change, v1::Event event) {
  const absl::MutexLock lock(&shared_->mutex);
  absl::StatusOr<Transaction> transaction = Transaction::begin(shared_->database);
  if (!transaction.ok()) return transaction.status();
  if (absl::Status status = write_change(shared_->database, change); !status.ok()) return status;
  event.set_target(absl::StrCat("change/", change.id()));
  if (absl::Status status = insert_event(shared_->database, event); !status.ok()) return status;
  return transaction->commit();
}

absl::StatusOr<std::vector<v1::PendingChange>> ChangeStore::list(Which which) {
  const absl::MutexLock lock(&shared_->mutex);
  absl::StatusOr<Statement> statement = shared_->database.prepare(
      "SELECT rollback_of, message FROM change WHERE ? OR state = ? ORDER BY id DESC");
  if (!statement.ok()) return statement.status();
  statement->bind(int64_t{which == Which::kAll}).bind(int64_t{v1::PendingChange::STATE_PENDING});
  std::vector<v1::PendingChange> changes;
  for (;;) {
    const absl::StatusOr<bool> row = statement->step();
    if (!row.ok()) return row.status();
    if (!*row) return changes;
    absl::StatusOr<StoredChange> stored = read(*statement);
    if (!stored.ok()) return stored.status();
    changes.push_back(std::move(stored->change));
  }
}

}  // namespace sluice::controlplane

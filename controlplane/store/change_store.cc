// SPDX-License-Identifier: Apache-2.0
//
// Changes that wait, or waited, for the approval of others.
#include "controlplane/store/change_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/store/event_log.h"
#include "controlplane/store/stored_time.h"

namespace sluice::controlplane {

namespace {

absl::Status drop_oldest_ended(Database& database) {
  absl::StatusOr<Statement> statement = database.prepare(
      "DELETE FROM change WHERE id IN (SELECT id FROM ("
      "SELECT id, ROW_NUMBER() OVER newest AS place, SUM(LENGTH(message)) OVER newest AS bytes "
      "FROM change WHERE state <> ? WINDOW newest AS (ORDER BY id DESC)) "
      "WHERE place > ? OR (place > 1 AND bytes > ?))");
  if (!statement.ok()) return statement.status();
  return statement->bind(int64_t{v1::PendingChange::STATE_PENDING})
      .bind(kEndedChangesMax)
      .bind(kEndedChangesBytesMax)
      .run();
}

absl::StatusOr<StoredChange> read(Statement& statement) {
  StoredChange stored;
  stored.rollback_of = statement.number(0);
  if (!stored.change.ParseFromString(statement.bytes(1))) {
    return absl::DataLossError("a stored change cannot be read");
  }
  return stored;
}

void clear_files(v1::PendingChange& change) {
  change.mutable_request()->mutable_change()->clear_files();
}

}  // namespace

OpenChange outline_of(const v1::PendingChange& change) {
  return {change.id(), change.plan().base_revision(), change.request().author(),
          time_of(change.expires()), change.ByteSizeLong()};
}

absl::Status write_change(Database& database, const v1::PendingChange& change) {
  absl::StatusOr<Statement> statement =
      database.prepare("UPDATE change SET state = ?, message = ? WHERE id = ?");
  if (!statement.ok()) return statement.status();
  const bool is_open = change.state() == v1::PendingChange::STATE_PENDING;
  v1::PendingChange kept = change;
  if (!is_open) clear_files(kept);
  absl::Status status = statement->bind(int64_t{kept.state()})
                            .bind_blob(kept.SerializeAsString())
                            .bind(kept.id())
                            .run();
  if (!status.ok() || is_open) return status;
  return drop_oldest_ended(database);
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

template <typename Take>
absl::Status ChangeStore::read_all(Which which, const Take& take) {
  const absl::MutexLock lock(&shared_->mutex);
  absl::StatusOr<Statement> statement = shared_->database.prepare(
      "SELECT rollback_of, message FROM change WHERE ? OR state = ? ORDER BY id DESC");
  if (!statement.ok()) return statement.status();
  statement->bind(int64_t{which == Which::kAll}).bind(int64_t{v1::PendingChange::STATE_PENDING});
  for (;;) {
    const absl::StatusOr<bool> row = statement->step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    absl::StatusOr<StoredChange> stored = read(*statement);
    if (!stored.ok()) return stored.status();
    take(std::move(stored->change));
  }
}

absl::StatusOr<std::vector<OpenChange>> ChangeStore::open() {
  std::vector<OpenChange> changes;
  const absl::Status status = read_all(Which::kPending, [&](const v1::PendingChange& change) {
    changes.push_back(outline_of(change));
  });
  if (!status.ok()) return status;
  return changes;
}

absl::StatusOr<std::vector<v1::PendingChange>> ChangeStore::list(Which which) {
  std::vector<v1::PendingChange> changes;
  const absl::Status status = read_all(which, [&](v1::PendingChange change) {
    clear_files(change);
    changes.push_back(std::move(change));
  });
  if (!status.ok()) return status;
  return changes;
}

}  // namespace sluice::controlplane

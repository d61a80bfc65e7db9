// SPDX-License-Identifier: Apache-2.0
//
// What the controller must never forget: the accepted policies, the running table, drains, the
// steering key.
#include "controlplane/store/revision_store.h"

#include <openssl/sha.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/store/rollout_rows.h"

namespace sluice::controlplane {
namespace {

constexpr Schema kSchema = {
    .application_id = 0x536c7563,  // "Sluc"
    .version = 1,
    .sql = R"sql(
CREATE TABLE revision(
  number INTEGER PRIMARY KEY, seconds INTEGER NOT NULL, nanos INTEGER NOT NULL,
  author TEXT NOT NULL, message TEXT NOT NULL,
  created INTEGER NOT NULL, updated INTEGER NOT NULL, deleted INTEGER NOT NULL,
  rollback_of INTEGER NOT NULL, policy BLOB NOT NULL, policy_sha256 BLOB NOT NULL);
CREATE TABLE state(
  id INTEGER PRIMARY KEY CHECK(id = 1), revision INTEGER REFERENCES revision(number),
  generation INTEGER NOT NULL, eligibility_epoch INTEGER NOT NULL,
  steering_key BLOB NOT NULL, forwarding_table BLOB NOT NULL, table_sha256 BLOB NOT NULL);
CREATE TABLE override(
  pool TEXT NOT NULL, backend TEXT NOT NULL, state INTEGER NOT NULL,
  PRIMARY KEY(pool, backend)) WITHOUT ROWID;
)sql",
    // randomblob draws from the operating system's generator.
    .seed_sql = "INSERT INTO state VALUES(1, NULL, 0, 1, randomblob(16), x'', x'');",
};

// SQLite's own check sees broken pages, not changed bytes inside a value.
std::string sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

// False when the bytes are not what was written.
bool read_back(const std::string& bytes, const std::string& digest,
               google::protobuf::Message& message) {
  return sha256(bytes) == digest && message.ParseFromString(bytes);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RevisionStore>> RevisionStore::open(const std::string& path) {
  absl::StatusOr<Database> database = Database::open(path, kSchema, DatabaseUse::kExclusive);
  if (!database.ok()) return database.status();
  if (absl::Status status = make_rollout_rows(*database); !status.ok()) return status;
  return std::unique_ptr<RevisionStore>(new RevisionStore(*std::move(database)));
}

absl::Status RevisionStore::unreadable(const char* what) {
  return absl::DataLossError(absl::StrCat(database_.path(), ": the stored ", what,
                                          " cannot be read; the file is left as it is: restore a "
                                          "backup of it, or move it away to start empty"));
}

absl::StatusOr<StoredState> RevisionStore::load() {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Statement> statement = database_.prepare(
      "SELECT COALESCE(revision, 0), generation, eligibility_epoch, steering_key, "
      "forwarding_table, "
      "table_sha256 FROM state");
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->step();
  if (!row.ok()) return row.status();
  if (!*row) return unreadable("state");
  StoredState state;
  state.revision = statement->number(0);
  state.generation = statement->number(1);
  state.eligibility_epoch = statement->number(2);
  state.steering_key = statement->bytes(3);
  if (state.steering_key.size() != 16) return unreadable("steering key");
  const bool has_table = state.generation != 0;
  if (has_table && (!read_back(statement->bytes(4), statement->bytes(5), state.table) ||
                    state.table.generation() != state.generation)) {
    return unreadable("forwarding table");
  }
  if (state.revision != 0) {
    absl::StatusOr<v1::Policy> policy = read_policy(state.revision);
    if (!policy.ok()) return policy.status();
    state.policy = *std::move(policy);
  }
  absl::StatusOr<std::vector<v1::Override>> overrides = read_overrides();
  if (!overrides.ok()) return overrides.status();
  state.overrides = *std::move(overrides);
  absl::StatusOr<std::vector<v1::RolloutStatus>> rollouts = read_rollouts(database_);
  if (!rollouts.ok()) return rollouts.status();
  state.rollouts = *std::move(rollouts);
  return state;
}

absl::StatusOr<std::vector<v1::Override>> RevisionStore::read_overrides() {
  absl::StatusOr<Statement> statement =
      database_.prepare("SELECT pool, backend, state FROM override ORDER BY pool, backend");
  if (!statement.ok()) return statement.status();
  std::vector<v1::Override> overrides;
  for (;;) {
    const absl::StatusOr<bool> row = statement->step();
    if (!row.ok()) return row.status();
    if (!*row) return overrides;
    v1::Override& override = overrides.emplace_back();
    override.set_pool(statement->bytes(0));
    override.set_backend(statement->bytes(1));
    override.set_state(static_cast<v1::Override::State>(statement->integer(2)));
  }
}

absl::StatusOr<v1::Policy> RevisionStore::read_policy(uint64_t revision) {
  absl::StatusOr<Statement> statement =
      database_.prepare("SELECT policy, policy_sha256 FROM revision WHERE number = ?");
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->bind(revision).step();
  if (!row.ok()) return row.status();
  if (!*row) return absl::NotFoundError(absl::StrCat("there is no revision ", revision));
  v1::Policy policy;
  if (!read_back(statement->bytes(0), statement->bytes(1), policy)) return unreadable("policy");
  return policy;
}

absl::StatusOr<v1::Policy> RevisionStore::policy_of(uint64_t revision) {
  const absl::MutexLock lock(&mutex_);
  return read_policy(revision);
}

absl::Status RevisionStore::check_revision(uint64_t base_revision) {
  absl::StatusOr<Statement> statement =
      database_.prepare("SELECT COALESCE(revision, 0) FROM state");
  if (!statement.ok()) return statement.status();
  if (const absl::StatusOr<bool> row = statement->step(); !row.ok()) return row.status();
  if (statement->number(0) == base_revision) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat("the policy moved: planned on revision ", base_revision,
                                         ", now at ", statement->number(0)));
}

absl::Status RevisionStore::check_base(uint64_t base_revision, const NewTable& table) {
  absl::StatusOr<Statement> statement =
      database_.prepare("SELECT COALESCE(revision, 0), generation FROM state");
  if (!statement.ok()) return statement.status();
  if (const absl::StatusOr<bool> row = statement->step(); !row.ok()) return row.status();
  if (statement->number(0) != base_revision) {
    return absl::AbortedError(absl::StrCat("the policy moved: planned on revision ", base_revision,
                                           ", now at ", statement->number(0)));
  }
  if (statement->number(1) >= table.generation) {
    return absl::AbortedError(absl::StrCat("the table moved: generation ", table.generation,
                                           " is not newer than ", statement->number(1)));
  }
  return absl::OkStatus();
}

absl::Status RevisionStore::write_revision(const NewRevision& revision) {
  absl::StatusOr<Statement> statement =
      database_.prepare("INSERT INTO revision VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!statement.ok()) return statement.status();
  const v1::RevisionEntry& entry = revision.entry;
  statement->bind(revision.base_revision + 1)
      .bind(entry.time().seconds())
      .bind(int64_t{entry.time().nanos()})
      .bind_text(entry.author())
      .bind_text(entry.message())
      .bind(int64_t{entry.created()})
      .bind(int64_t{entry.updated()})
      .bind(int64_t{entry.deleted()})
      .bind(entry.rollback_of())
      .bind_blob(revision.policy)
      .bind_blob(sha256(revision.policy));
  return statement->run();
}

absl::Status RevisionStore::write_table(uint64_t revision, const NewTable& table) {
  absl::StatusOr<Statement> statement = database_.prepare(
      "UPDATE state SET revision = NULLIF(?, 0), generation = ?, eligibility_epoch = ?, "
      "forwarding_table = ?, table_sha256 = ?");
  if (!statement.ok()) return statement.status();
  statement->bind(revision)
      .bind(table.generation)
      .bind(table.eligibility_epoch)
      .bind_blob(table.bytes)
      .bind_blob(sha256(table.bytes));
  return statement->run();
}

absl::Status RevisionStore::append(const NewRevision& revision, const NewTable& table) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Transaction> transaction = Transaction::begin(database_);
  if (!transaction.ok()) return transaction.status();
  if (absl::Status status = check_base(revision.base_revision, table); !status.ok()) return status;
  if (absl::Status status = write_revision(revision); !status.ok()) return status;
  if (absl::Status status = write_rollouts(database_, revision.rollouts); !status.ok())
    return status;
  absl::Status status = write_table(revision.base_revision + 1, table);
  if (!status.ok()) return status;
  return transaction->commit();
}

absl::Status RevisionStore::write_overrides(const std::vector<v1::Override>& overrides) {
  if (absl::Status status = database_.execute("DELETE FROM override"); !status.ok()) return status;
  absl::StatusOr<Statement> statement = database_.prepare("INSERT INTO override VALUES(?, ?, ?)");
  if (!statement.ok()) return statement.status();
  for (const v1::Override& override : overrides) {
    statement->reset();
    statement->bind_text(override.pool())
        .bind_text(override.backend())
        .bind(int64_t{override.state()});
    if (absl::Status status = statement->run(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status RevisionStore::replace_overrides(uint64_t base_revision,
                                              const std::vector<v1::Override>& overrides,
                                              const NewTable& table) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Transaction> transaction = Transaction::begin(database_);
  if (!transaction.ok()) return transaction.status();
  if (absl::Status status = check_base(base_revision, table); !status.ok()) return status;
  if (absl::Status status = write_overrides(overrides); !status.ok()) return status;
  if (absl::Status status = write_table(base_revision, table); !status.ok()) return status;
  return transaction->commit();
}

absl::Status RevisionStore::replace_rollouts(uint64_t base_revision,
                                             const std::vector<v1::RolloutStatus>& rollouts,
                                             const NewTable* table) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Transaction> transaction = Transaction::begin(database_);
  if (!transaction.ok()) return transaction.status();
  absl::Status status =
      table == nullptr ? check_revision(base_revision) : check_base(base_revision, *table);
  if (!status.ok()) return status;
  if (status = write_rollouts(database_, rollouts); !status.ok()) return status;
  if (table != nullptr) status = write_table(base_revision, *table);
  return status.ok() ? transaction->commit() : status;
}

absl::StatusOr<std::vector<v1::RevisionEntry>> RevisionStore::list(uint32_t limit) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Statement> statement = database_.prepare(
      "SELECT number, seconds, nanos, author, message, created, updated, deleted, rollback_of "
      "FROM revision ORDER BY number DESC LIMIT ?");
  if (!statement.ok()) return statement.status();
  statement->bind(int64_t{limit});
  std::vector<v1::RevisionEntry> entries;
  for (;;) {
    const absl::StatusOr<bool> row = statement->step();
    if (!row.ok()) return row.status();
    if (!*row) return entries;
    v1::RevisionEntry& entry = entries.emplace_back();
    entry.set_revision(statement->number(0));
    entry.mutable_time()->set_seconds(statement->integer(1));
    entry.mutable_time()->set_nanos(static_cast<int32_t>(statement->integer(2)));
    entry.set_author(statement->bytes(3));
    entry.set_message(statement->bytes(4));
    entry.set_created(static_cast<uint32_t>(statement->integer(5)));
    entry.set_updated(static_cast<uint32_t>(statement->integer(6)));
    entry.set_deleted(static_cast<uint32_t>(statement->integer(7)));
    entry.set_rollback_of(statement->number(8));
  }
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What the controller must never forget: the accepted policies, the running table, drains and
// recalls, what waits to be confirmed, the steering key.
#include "controlplane/store/revision_store.h"

#include <openssl/sha.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "controlplane/store/change_store.h"
#include "controlplane/store/controller_schema.h"
#include "controlplane/store/event_log.h"
#include "controlplane/store/rollout_rows.h"

namespace sluice::controlplane {
namespace {

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
  absl::StatusOr<Database> database =
      Database::open(path, kControllerSchema, DatabaseUse::kExclusive);
  if (!database.ok()) return database.status();
  return std::unique_ptr<RevisionStore>(
      new RevisionStore(std::make_shared<SharedDatabase>(*std::move(database))));
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
      "forwarding_table, table_sha256, term, struck FROM state");
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->step();
  if (!row.ok()) return row.status();
  if (!*row) return unreadable("state");
  StoredState state;
  state.revision = statement->number(0);
  state.generation = statement->number(1);
  state.eligibility_epoch = statement->number(2);
  state.steering_key = statement->bytes(3);
  state.term = statement->number(6);
  v1::GetPolicyResponse struck;
  if (!struck.ParseFromString(statement->bytes(7))) return unreadable("list of struck pools");
  state.struck = {struck.struck().begin(), struck.struck().end()};
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
  absl::StatusOr<std::vector<OverrideOrder>> orders = read_overrides();
  if (!orders.ok()) return orders.status();
  for (OverrideOrder& order : *orders)
    state.overrides.push_back(std::move(order.override));
  absl::StatusOr<std::optional<Waiting>> waiting = read_waiting(database_);
  if (!waiting.ok()) return waiting.status();
  state.waiting = *std::move(waiting);
  absl::StatusOr<std::vector<v1::RolloutStatus>> rollouts = read_rollouts(database_);
  if (!rollouts.ok()) return rollouts.status();
  state.rollouts = *std::move(rollouts);
  return state;
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

absl::StatusOr<uint64_t> RevisionStore::read_generation() {
  absl::StatusOr<Statement> statement = database_.prepare("SELECT generation FROM state");
  if (!statement.ok()) return statement.status();
  if (const absl::StatusOr<bool> row = statement->step(); !row.ok()) return row.status();
  return statement->number(0);
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
      database_.prepare("INSERT INTO revision VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, x'')");
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
      .bind_blob(sha256(revision.policy))
      .bind_text(entry.ticket())
      .bind_text(absl::StrJoin(entry.approvers(), "\n"));
  return statement->run();
}

absl::Status RevisionStore::write_table(uint64_t revision, const NewTable& table) {
  absl::StatusOr<Statement> statement = database_.prepare(
      "UPDATE state SET revision = NULLIF(?, 0), generation = ?, eligibility_epoch = ?, "
      "forwarding_table = ?, table_sha256 = ?, struck = ?");
  if (!statement.ok()) return statement.status();
  v1::GetPolicyResponse struck;
  *struck.mutable_struck() = {table.struck.begin(), table.struck.end()};
  statement->bind(revision)
      .bind(table.generation)
      .bind(table.eligibility_epoch)
      .bind_blob(table.bytes)
      .bind_blob(sha256(table.bytes))
      .bind_blob(struck.SerializeAsString());
  return statement->run();
}

absl::Status RevisionStore::write_extras(const NewRevision& revision, const NewTable& table) {
  const uint64_t number = revision.base_revision + 1;
  std::optional<Waiting> waiting = revision.waiting;
  if (waiting) waiting->revision = number;
  if (absl::Status status = write_waiting(database_, waiting); !status.ok()) return status;
  if (revision.applied) {
    v1::PendingChange applied = *revision.applied;
    applied.set_state(v1::PendingChange::STATE_APPLIED);
    applied.set_revision(number);
    if (absl::Status status = write_change(database_, applied); !status.ok()) return status;
  }
  if (revision.approval) {
    v1::Event approval = *revision.approval;
    if (absl::Status status = insert_event(database_, approval); !status.ok()) return status;
  }
  v1::Event event = revision.event;
  if (event.kind().empty()) return absl::OkStatus();
  event.set_target(absl::StrCat("revision/", number));
  event.set_revision(number);
  event.set_generation(table.generation);
  return insert_event(database_, event);
}

absl::Status RevisionStore::keep_rollouts(uint64_t revision) {
  const absl::StatusOr<std::vector<v1::RolloutStatus>> rollouts = read_rollouts(database_);
  if (!rollouts.ok()) return rollouts.status();
  v1::ListRolloutsResponse list;
  *list.mutable_rollouts() = {rollouts->begin(), rollouts->end()};
  absl::StatusOr<Statement> statement =
      database_.prepare("UPDATE revision SET rollouts = ? WHERE number = ?");
  if (!statement.ok()) return statement.status();
  return statement->bind_blob(list.SerializeAsString()).bind(revision).run();
}

absl::StatusOr<std::vector<v1::ListRolloutsResponse>> RevisionStore::rollouts_since(
    uint64_t revision) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Statement> statement =
      database_.prepare("SELECT rollouts FROM revision WHERE number >= ? ORDER BY number");
  if (!statement.ok()) return statement.status();
  statement->bind(revision);
  std::vector<v1::ListRolloutsResponse> all;
  for (;;) {
    const absl::StatusOr<bool> row = statement->step();
    if (!row.ok()) return row.status();
    if (!*row) return all;
    if (!all.emplace_back().ParseFromString(statement->bytes(0)))
      return unreadable("statuses of rollouts");
  }
}

absl::Status RevisionStore::append(const NewRevision& revision, const NewTable& table) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Transaction> transaction = Transaction::begin(database_);
  if (!transaction.ok()) return transaction.status();
  if (absl::Status status = check_base(revision.base_revision, table); !status.ok()) return status;
  if (absl::Status status = keep_rollouts(revision.base_revision); !status.ok()) return status;
  if (absl::Status status = write_revision(revision); !status.ok()) return status;
  if (absl::Status status = write_rollouts(database_, revision.rollouts); !status.ok())
    return status;
  absl::Status status = write_table(revision.base_revision + 1, table);
  if (!status.ok()) return status;
  if (absl::Status extras = write_extras(revision, table); !extras.ok()) return extras;
  return transaction->commit();
}

absl::Status RevisionStore::confirm(v1::Event event) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Transaction> transaction = Transaction::begin(database_);
  if (!transaction.ok()) return transaction.status();
  if (absl::Status status = write_waiting(database_, std::nullopt); !status.ok()) return status;
  if (absl::Status status = insert_event(database_, event); !status.ok()) return status;
  return transaction->commit();
}

absl::Status RevisionStore::replace_rollouts(uint64_t base_revision,
                                             const std::vector<v1::RolloutStatus>& rollouts,
                                             const NewTable* table, std::vector<v1::Event> events) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Transaction> transaction = Transaction::begin(database_);
  if (!transaction.ok()) return transaction.status();
  absl::Status status =
      table == nullptr ? check_revision(base_revision) : check_base(base_revision, *table);
  if (!status.ok()) return status;
  if (status = write_rollouts(database_, rollouts); !status.ok()) return status;
  if (table != nullptr) status = write_table(base_revision, *table);
  if (!status.ok()) return status;
  const absl::StatusOr<uint64_t> generation = read_generation();
  if (!generation.ok()) return generation.status();
  for (v1::Event& event : events) {
    event.set_revision(base_revision);
    event.set_generation(*generation);
    if (status = insert_event(database_, event); !status.ok()) return status;
  }
  return transaction->commit();
}

absl::StatusOr<std::vector<v1::RevisionEntry>> RevisionStore::list(uint32_t limit) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Statement> statement = database_.prepare(
      "SELECT number, seconds, nanos, author, message, created, updated, deleted, rollback_of, "
      "ticket, approvers FROM revision ORDER BY number DESC LIMIT ?");
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
    entry.set_ticket(statement->bytes(9));
    const std::string approvers = statement->bytes(10);
    for (const absl::string_view approver : absl::StrSplit(approvers, '\n', absl::SkipEmpty()))
      entry.add_approvers(std::string(approver));
  }
}

}  // namespace sluice::controlplane

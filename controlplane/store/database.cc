// SPDX-License-Identifier: Apache-2.0
//
// SQLite as the control plane uses it: WAL, synchronous=FULL, foreign keys, a schema version.
#include "controlplane/store/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace sluice::controlplane {
namespace {

namespace fs = std::filesystem;

constexpr int kBusyTimeoutMs = 500;

absl::Status to_status(int code, const std::string& path, const char* message) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return absl::DataLossError(absl::StrCat(
          path, ": the file is damaged (", message,
          "); it is left as it is: restore a backup of it, or move it away to start empty"));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return absl::FailedPreconditionError(
          absl::StrCat(path, ": in use by another process; stop that one first"));
    case SQLITE_FULL:
      return absl::ResourceExhaustedError(absl::StrCat(path, ": ", message));
    default:
      return absl::UnavailableError(absl::StrCat(path, ": ", message));
  }
}

absl::Status make_directory(const std::string& path) {
  const fs::path directory = fs::path(path).parent_path();
  std::error_code failure;
  if (!directory.empty()) fs::create_directories(directory, failure);
  if (failure) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot make the directory ", directory.string(), ": ", failure.message()));
  }
  return absl::OkStatus();
}

// Makes the names in the directory of `path` durable.
void sync_directory(const std::string& path) {
  const fs::path directory = fs::absolute(path).parent_path();
  const int handle = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (handle < 0) return;
  ::fsync(handle);
  ::close(handle);
}

}  // namespace

void Statement::Finalizer::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

Statement& Statement::bind(int64_t value) {
  const int code = sqlite3_bind_int64(statement_.get(), ++bound_, value);
  if (first_error_ == SQLITE_OK) first_error_ = code;
  return *this;
}

Statement& Statement::bind_text(std::string_view value) {
  const int code = sqlite3_bind_text64(statement_.get(), ++bound_, value.data(), value.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  if (first_error_ == SQLITE_OK) first_error_ = code;
  return *this;
}

Statement& Statement::bind_blob(std::string_view value) {
  // A null pointer would bind NULL; an empty blob is meant.
  const char* bytes = value.empty() ? "" : value.data();
  const int code =
      sqlite3_bind_blob64(statement_.get(), ++bound_, bytes, value.size(), SQLITE_TRANSIENT);
  if (first_error_ == SQLITE_OK) first_error_ = code;
  return *this;
}

absl::StatusOr<bool> Statement::step() {
  sqlite3* connection = sqlite3_db_handle(statement_.get());
  const int code = first_error_ == SQLITE_OK ? sqlite3_step(statement_.get()) : first_error_;
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  const char* path = sqlite3_db_filename(connection, "main");
  return to_status(code, path == nullptr ? "" : path, sqlite3_errmsg(connection));
}

absl::Status Statement::run() {
  return step().status();
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
  bound_ = 0;
  first_error_ = SQLITE_OK;
}

int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::bytes(int column) const {
  const void* start = sqlite3_column_blob(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  if (start == nullptr) return {};
  return std::string(static_cast<const char*>(start), static_cast<size_t>(size));
}

void Database::Closer::operator()(sqlite3* connection) const {
  sqlite3_close_v2(connection);
}

absl::Status Database::error(int code) const {
  return to_status(code, path_, sqlite3_errmsg(connection_.get()));
}

absl::Status Database::execute(const char* sql) {
  const int code = sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : error(code);
}

absl::StatusOr<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v2(connection_.get(), sql.data(), static_cast<int>(sql.size()),
                                      &statement, nullptr);
  if (code != SQLITE_OK) return error(code);
  return Statement(statement);
}

int64_t Database::changes() const {
  return sqlite3_changes64(connection_.get());
}

absl::StatusOr<int64_t> Database::pragma(const char* sql) {
  absl::StatusOr<Statement> statement = prepare(sql);
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->step();
  if (!row.ok()) return row.status();
  return *row ? statement->integer(0) : 0;
}

absl::StatusOr<Database> Database::connect(const std::string& path) {
  Database database;
  database.path_ = path;
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &connection,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  database.connection_.reset(connection);
  if (code != SQLITE_OK) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": cannot be opened: ",
                     connection == nullptr ? "out of memory" : sqlite3_errmsg(connection)));
  }
  sqlite3_busy_timeout(connection, kBusyTimeoutMs);
  return database;
}

absl::Status Database::create(const std::string& path, const Schema& schema) {
  // Made under another name first: a file of the final name is complete, so an empty one is damage.
  const std::string draft = path + ".new";
  std::error_code failure;
  fs::remove(draft + "-journal", failure);
  fs::remove(draft, failure);
  absl::StatusOr<Database> fresh = connect(draft);
  if (!fresh.ok()) return fresh.status();
  const std::string sql = absl::StrCat(
      "PRAGMA synchronous=FULL; BEGIN IMMEDIATE; PRAGMA application_id=", schema.application_id,
      "; PRAGMA user_version=", schema.version, "; ", schema.sql, schema.seed_sql,
      absl::StrJoin(schema.migrations, ""), "COMMIT;");
  if (absl::Status status = fresh->execute(sql.c_str()); !status.ok()) return status;
  fresh->connection_.reset();
  fs::rename(draft, path, failure);
  if (failure) return absl::FailedPreconditionError(absl::StrCat(path, ": ", failure.message()));
  sync_directory(path);
  return absl::OkStatus();
}

absl::Status Database::take(DatabaseUse use) {
  if (use != DatabaseUse::kExclusive) return absl::OkStatus();
  // In exclusive mode the lock of the first access is kept until the connection closes.
  if (absl::Status status = execute("PRAGMA locking_mode=EXCLUSIVE"); !status.ok()) return status;
  if (absl::Status status = execute("BEGIN EXCLUSIVE"); !status.ok()) return status;
  return execute("COMMIT");
}

absl::Status Database::check(const Schema& schema, DatabaseUse use) {
  const absl::StatusOr<int64_t> application = pragma("PRAGMA application_id");
  if (!application.ok()) return application.status();
  const absl::StatusOr<int64_t> version = pragma("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*application != schema.application_id) {
    return absl::FailedPreconditionError(absl::StrCat(
        path_, ": not a file of this program, or damaged; it is left as it is: name another one"));
  }
  const bool is_readable = *version == schema.version ||
                           (*version >= 1 && *version < schema.version &&
                            schema.version - 1 == static_cast<int32_t>(schema.migrations.size()));
  if (!is_readable) {
    return absl::FailedPreconditionError(
        absl::StrCat(path_, ": schema version ", *version, ", this program knows ", schema.version,
                     "; it is left as it is: run the version that wrote it"));
  }
  // Records are many; a full check of their file would delay every start by minutes.
  if (use == DatabaseUse::kShared) return absl::OkStatus();
  absl::StatusOr<Statement> statement = prepare("PRAGMA integrity_check(1)");
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->step();
  if (!row.ok()) return row.status();
  const std::string verdict = statement->bytes(0);
  if (verdict != "ok") return to_status(SQLITE_CORRUPT, path_, verdict.c_str());
  return absl::OkStatus();
}

absl::Status Database::migrate(const Schema& schema) {
  const absl::StatusOr<int64_t> version = pragma("PRAGMA user_version");
  if (!version.ok()) return version.status();
  if (*version == schema.version) return absl::OkStatus();
  absl::StatusOr<Transaction> transaction = Transaction::begin(*this);
  if (!transaction.ok()) return transaction.status();
  for (auto next = static_cast<size_t>(*version); next < schema.migrations.size() + 1; ++next) {
    if (absl::Status status = execute(schema.migrations[next - 1]); !status.ok()) return status;
  }
  const std::string mark = absl::StrCat("PRAGMA user_version=", schema.version);
  if (absl::Status status = execute(mark.c_str()); !status.ok()) return status;
  return transaction->commit();
}

absl::StatusOr<Database> Database::open(const std::string& path, const Schema& schema,
                                        DatabaseUse use) {
  if (absl::Status status = make_directory(path); !status.ok()) return status;
  std::error_code failure;
  if (!fs::exists(path, failure)) {
    if (absl::Status status = create(path, schema); !status.ok()) return status;
  }
  if (fs::file_size(path, failure) == 0 && !failure) {
    return to_status(SQLITE_CORRUPT, path, "it is empty");
  }
  if (::access(path.c_str(), R_OK | W_OK) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": ", std::strerror(errno), "; run as the user that owns it and its directory"));
  }
  absl::StatusOr<Database> database = connect(path);
  if (!database.ok()) return database.status();
  // Until the file has proved sound, closing must not write to it.
  sqlite3* connection = database->connection_.get();
  sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  if (absl::Status status = database->take(use); !status.ok()) return status;
  if (absl::Status status = database->check(schema, use); !status.ok()) return status;
  sqlite3_db_config(connection, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, nullptr);
  absl::Status status =
      database->execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON");
  if (!status.ok()) return status;
  if (absl::Status migrated = database->migrate(schema); !migrated.ok()) return migrated;
  return database;
}

absl::StatusOr<Transaction> Transaction::begin(Database& database) {
  if (absl::Status status = database.execute("BEGIN IMMEDIATE"); !status.ok()) return status;
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) database_->execute("ROLLBACK").IgnoreError();
}

absl::Status Transaction::commit() {
  if (absl::Status status = database_->execute("COMMIT"); !status.ok()) return status;
  database_ = nullptr;
  return absl::OkStatus();
}

}  // namespace sluice::controlplane

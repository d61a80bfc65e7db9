// SPDX-License-Identifier: Apache-2.0
//
// SQLite as the control plane uses it: WAL, synchronous=FULL, foreign keys, a schema version.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sluice::controlplane {

// One prepared statement. Bound text and blobs are copied. Errors of `bind` surface in `step`.
class Statement {
 public:
  Statement& bind(int64_t value);
  Statement& bind(uint64_t value) { return bind(static_cast<int64_t>(value)); }
  Statement& bind_text(std::string_view value);
  Statement& bind_blob(std::string_view value);

  // True: a row is there. False: done.
  absl::StatusOr<bool> step();
  // For statements that return no row.
  absl::Status run();
  // Makes the statement ready for new values.
  void reset();

  int64_t integer(int column) const;
  uint64_t number(int column) const { return static_cast<uint64_t>(integer(column)); }
  std::string bytes(int column) const;

 private:
  friend class Database;
  struct Finalizer {
    void operator()(sqlite3_stmt* statement) const;
  };
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}

  std::unique_ptr<sqlite3_stmt, Finalizer> statement_;
  int bound_ = 0;
  int first_error_ = 0;
};

enum class DatabaseUse {
  kExclusive,  // no second process may open it
  kShared,     // other connections may read
};

struct Schema {
  int32_t application_id = 0;  // marks the file as ours
  int32_t version = 0;         // >= 1
  const char* sql = "";        // makes the tables of version 1
  const char* seed_sql = "";   // the first rows
  // Each leads to the next version, from version 1 to `version`. New files take the same way, so
  // that they cannot differ from old ones.
  absl::Span<const char* const> migrations = {};
};

// One connection.  Thread: one at a time.
class Database {
 public:
  // Opens or makes the database; the directory is made when missing. A file of an older schema is
  // brought to the present one, whole or not at all. A file that is damaged, foreign or of a newer
  // schema is refused and left as it is. Errors: DATA_LOSS (damaged),
  // FAILED_PRECONDITION (foreign, newer, in use by another process), all naming the file.
  static absl::StatusOr<Database> open(const std::string& path, const Schema& schema,
                                       DatabaseUse use);

  absl::Status execute(const char* sql);
  absl::StatusOr<Statement> prepare(std::string_view sql);
  // Rows that the last statement changed.
  int64_t changes() const;
  const std::string& path() const { return path_; }

 private:
  friend class DatabaseCopy;
  struct Closer {
    void operator()(sqlite3* connection) const;
  };
  static absl::StatusOr<Database> connect(const std::string& path);
  absl::StatusOr<int64_t> pragma(const char* sql);
  static absl::Status create(const std::string& path, const Schema& schema);
  absl::Status take(DatabaseUse use);
  absl::Status check(const Schema& schema, DatabaseUse use);
  absl::Status migrate(const Schema& schema);
  absl::Status error(int code) const;

  std::string path_;
  std::unique_ptr<sqlite3, Closer> connection_;
};

// One connection that several stores use in turns.
struct SharedDatabase {
  explicit SharedDatabase(Database opened) : database(std::move(opened)) {}

  absl::Mutex mutex;
  Database database ABSL_GUARDED_BY(mutex);
};

// All or nothing: what is not committed is rolled back.
class Transaction {
 public:
  static absl::StatusOr<Transaction> begin(Database& database);
  Transaction(Transaction&& other) noexcept : database_(other.database_) {
    other.database_ = nullptr;
  }
  Transaction& operator=(Transaction&&) = delete;
  ~Transaction();

  absl::Status commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What nodes ran and what their views were, so that the past can be explained.
#include "controlplane/audit/table_archive.h"

#include <zlib.h>

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/store/stored_time.h"

namespace sluice::controlplane {
namespace {

constexpr Schema kSchema = {
    .application_id = 0x536c7554,  // "SluT"
    .version = 1,
    .sql = R"sql(
CREATE TABLE generation(
  number INTEGER PRIMARY KEY, time_ns INTEGER NOT NULL, size INTEGER NOT NULL,
  message BLOB NOT NULL);
CREATE TABLE view(
  id INTEGER PRIMARY KEY, node TEXT NOT NULL, incarnation TEXT NOT NULL, number INTEGER NOT NULL,
  generation INTEGER NOT NULL, time_ns INTEGER NOT NULL, complete INTEGER NOT NULL,
  message BLOB NOT NULL, UNIQUE(node, incarnation, number));
CREATE INDEX view_by_time ON view(node, time_ns);
)sql",
    .seed_sql = "",
};

constexpr uint64_t kTableBytesMax = uint64_t{1} << 30;  // more than any table has

absl::StatusOr<std::string> compress(std::string_view bytes) {
  uLongf size = compressBound(bytes.size());
  std::string packed(size, '\0');
  const int code =
      compress2(reinterpret_cast<Bytef*>(packed.data()), &size,
                reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), Z_BEST_SPEED);
  if (code != Z_OK) return absl::ResourceExhaustedError("a table cannot be compressed");
  packed.resize(size);
  return packed;
}

bool decompress(const std::string& packed, uint64_t size, std::string& bytes) {
  if (size > kTableBytesMax) return false;
  bytes.resize(size);
  uLongf got = size;
  const int code = uncompress(reinterpret_cast<Bytef*>(bytes.data()), &got,
                              reinterpret_cast<const Bytef*>(packed.data()), packed.size());
  return code == Z_OK && got == size;
}

// Adds up views of one node, the newest first, to a complete one.
class ViewSum {
 public:
  void add(const v1::ViewRecord& older) {
    if (!has_any_) whole_ = older;
    has_any_ = true;
    for (const v1::BackendView& backend : older.backends())
      backends_.emplace(Key(backend.pool(), backend.backend()), backend);  // the newest stays
    for (const v1::DegradedView& pool : older.degraded())
      degraded_.emplace(Key(pool.route(), pool.pool()), pool);
    if (!whole_.has_can_record() && older.has_can_record())
      whole_.set_can_record(older.can_record());
  }
  // Views of two incarnations do not add up.
  bool takes(const v1::ViewRecord& older) const {
    return !has_any_ || older.incarnation() == whole_.incarnation();
  }
  v1::ViewRecord take() {
    whole_.clear_backends();
    whole_.clear_degraded();
    whole_.set_is_complete(true);
    for (auto& [key, backend] : backends_)
      *whole_.add_backends() = std::move(backend);
    for (auto& [key, pool] : degraded_) {
      if (pool.is_degraded()) *whole_.add_degraded() = std::move(pool);
    }
    return std::move(whole_);
  }

 private:
  using Key = std::pair<std::string, std::string>;

  v1::ViewRecord whole_;
  bool has_any_ = false;
  std::map<Key, v1::BackendView> backends_;
  std::map<Key, v1::DegradedView> degraded_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TableArchive>> TableArchive::open(const std::string& directory) {
  absl::StatusOr<Database> database =
      Database::open(directory + "/tables.db", kSchema, DatabaseUse::kShared);
  if (!database.ok()) return database.status();
  return std::unique_ptr<TableArchive>(new TableArchive(*std::move(database)));
}

absl::Status TableArchive::add_table(uint64_t generation, absl::Time time, std::string_view bytes) {
  const absl::StatusOr<std::string> packed = compress(bytes);
  if (!packed.ok()) return packed.status();
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Statement> statement =
      database_.prepare("INSERT INTO generation VALUES(?, ?, ?, ?) ON CONFLICT DO NOTHING");
  if (!statement.ok()) return statement.status();
  return statement->bind(generation)
      .bind(absl::ToUnixNanos(time))
      .bind(uint64_t{bytes.size()})
      .bind_blob(*packed)
      .run();
}

absl::Status TableArchive::add_views(const std::vector<v1::ViewRecord>& views) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Transaction> transaction = Transaction::begin(database_);
  if (!transaction.ok()) return transaction.status();
  absl::StatusOr<Statement> statement = database_.prepare(
      "INSERT INTO view(node, incarnation, number, generation, time_ns, complete, message) "
      "VALUES(?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
  if (!statement.ok()) return statement.status();
  for (const v1::ViewRecord& view : views) {
    statement->reset();
    absl::Status status = statement->bind_text(view.node())
                              .bind_text(view.incarnation())
                              .bind(view.view())
                              .bind(view.generation())
                              .bind(absl::ToUnixNanos(time_of(view.time())))
                              .bind(int64_t{view.is_complete()})
                              .bind_blob(view.SerializeAsString())
                              .run();
    if (!status.ok()) return status;
  }
  return transaction->commit();
}

absl::StatusOr<TableArchive::Position> TableArchive::position_of(const std::string& node) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Statement> statement = database_.prepare(
      "SELECT incarnation, number FROM view WHERE node = ? ORDER BY id DESC LIMIT 1");
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->bind_text(node).step();
  if (!row.ok()) return row.status();
  if (!*row) return Position{};
  return Position{statement->bytes(0), statement->number(1)};
}

absl::StatusOr<v1::ViewRecord> TableArchive::view_at(const std::string& node, absl::Time time) {
  const absl::MutexLock lock(&mutex_);
  // Backwards from that time to the view that says everything. A node's clock may step: views came
  // in the order of their ids. ("+": in that order as they lie, not sorted.)
  absl::StatusOr<Statement> statement = database_.prepare(
      "SELECT message FROM view WHERE +node = ? AND id <= "
      "(SELECT max(id) FROM view WHERE node = ? AND time_ns <= ?) ORDER BY id DESC");
  if (!statement.ok()) return statement.status();
  statement->bind_text(node).bind_text(node).bind(absl::ToUnixNanos(time));
  ViewSum sum;
  for (;;) {
    const absl::StatusOr<bool> row = statement->step();
    if (!row.ok()) return row.status();
    v1::ViewRecord view;
    if (*row && !view.ParseFromString(statement->bytes(0)))
      return absl::DataLossError(absl::StrCat(database_.path(), ": a view cannot be read"));
    if (!*row || !sum.takes(view)) {
      return absl::NotFoundError(
          absl::StrCat("nothing is kept of node ", node, " at ",
                       absl::FormatTime(absl::RFC3339_sec, time, absl::UTCTimeZone())));
    }
    sum.add(view);
    if (view.is_complete()) return sum.take();
  }
}

absl::StatusOr<v1::ForwardingTable> TableArchive::table_of(uint64_t generation) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Statement> statement =
      database_.prepare("SELECT size, message FROM generation WHERE number = ?");
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->bind(generation).step();
  if (!row.ok()) return row.status();
  if (!*row) {
    return absl::NotFoundError(
        absl::StrCat("the table of generation ", generation, " is not kept any more"));
  }
  std::string bytes;
  v1::ForwardingTable table;
  if (!decompress(statement->bytes(1), statement->number(0), bytes) ||
      !table.ParseFromString(bytes)) {
    return absl::DataLossError(
        absl::StrCat(database_.path(), ": the table of generation ", generation, " is damaged"));
  }
  return table;
}

absl::StatusOr<int64_t> TableArchive::run(std::string_view sql, int64_t value) {
  absl::StatusOr<Statement> statement = database_.prepare(sql);
  if (!statement.ok()) return statement.status();
  if (absl::Status status = statement->bind(value).run(); !status.ok()) return status;
  return database_.changes();
}

absl::StatusOr<uint64_t> TableArchive::expire(absl::Time before) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Transaction> transaction = Transaction::begin(database_);
  if (!transaction.ok()) return transaction.status();
  // From the last complete view before that time on, everything is needed.
  const absl::StatusOr<int64_t> views =
      run("DELETE FROM view WHERE id IN (SELECT old.id FROM view old JOIN ("
          "  SELECT node, MAX(id) AS kept FROM view WHERE complete AND time_ns <= ? GROUP BY node"
          ") last ON old.node = last.node WHERE old.id < last.kept)",
          absl::ToUnixNanos(before));
  if (!views.ok()) return views.status();
  const absl::StatusOr<int64_t> tables =
      run("DELETE FROM generation WHERE time_ns < ? "
          "AND number < (SELECT MAX(number) FROM generation) "
          "AND number < COALESCE((SELECT MIN(generation) FROM view), 0)",
          absl::ToUnixNanos(before));
  if (!tables.ok()) return tables.status();
  if (absl::Status status = transaction->commit(); !status.ok()) return status;
  return static_cast<uint64_t>(*views + *tables);
}

}  // namespace sluice::controlplane

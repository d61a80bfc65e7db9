// SPDX-License-Identifier: Apache-2.0
//
// What the record store knows without opening a segment.
#include "controlplane/audit/segment_catalog.h"

#include <utility>

#include "controlplane/audit/record_filter.h"

namespace sluice::controlplane {
namespace {

// A file whose version is not the newest is brought there by the migrations that it lacks; what is
// published is never edited, a new version adds one.
constexpr const char* kMigrations[] = {
    // To 2: the names of monitoring guardrails that would have refused the flow, a line each, and
    // how many flows each of them would have refused.
    R"sql(
ALTER TABLE record ADD COLUMN would_refuse TEXT NOT NULL DEFAULT '';
CREATE INDEX record_by_refusal ON record(start_ns) WHERE would_refuse <> '';
CREATE TABLE refusal_count(
  guardrail TEXT NOT NULL, revision INTEGER NOT NULL, flows INTEGER NOT NULL,
  last_ns INTEGER NOT NULL, PRIMARY KEY(guardrail, revision)) WITHOUT ROWID;
)sql",
    // To 3: records are in segments; `record` is emptied into them at the first start.
    R"sql(
CREATE TABLE segment(
  number INTEGER PRIMARY KEY AUTOINCREMENT, records INTEGER NOT NULL,
  first_start_ns INTEGER NOT NULL, last_start_ns INTEGER NOT NULL);
)sql",
};

constexpr Schema kSchema = {
    .application_id = 0x536c7552,  // "SluR"
    .version = 3,
    .sql = R"sql(
CREATE TABLE stream(
  id INTEGER PRIMARY KEY, node TEXT NOT NULL, incarnation TEXT NOT NULL,
  last_sequence INTEGER NOT NULL, missing INTEGER NOT NULL, UNIQUE(node, incarnation));
CREATE TABLE record(
  id INTEGER PRIMARY KEY, stream INTEGER NOT NULL REFERENCES stream(id),
  start_ns INTEGER NOT NULL, client BLOB NOT NULL, client_port INTEGER NOT NULL,
  flow_id INTEGER NOT NULL, ended INTEGER NOT NULL, service TEXT NOT NULL,
  client_class TEXT NOT NULL, route TEXT NOT NULL, pool TEXT NOT NULL, backend TEXT NOT NULL,
  message BLOB NOT NULL);
CREATE INDEX record_by_start ON record(start_ns);
CREATE INDEX record_by_client ON record(client, start_ns);
CREATE INDEX record_by_flow ON record(flow_id);
)sql",
    .seed_sql = "",
    .migrations = kMigrations,
};

// Runs a query and hands each row to `each`.
absl::Status for_each_row(Database& database, std::string_view sql,
                          const std::function<void(Statement& row)>& each) {
  absl::StatusOr<Statement> select = database.prepare(sql);
  if (!select.ok()) return select.status();
  for (;;) {
    const absl::StatusOr<bool> row = select->step();
    if (!row.ok()) return row.status();
    if (!*row) return absl::OkStatus();
    each(*select);
  }
}

}  // namespace

absl::StatusOr<SegmentCatalog> SegmentCatalog::open(const std::string& path) {
  absl::StatusOr<Database> database = Database::open(path, kSchema, DatabaseUse::kShared);
  if (!database.ok()) return database.status();
  return SegmentCatalog(*std::move(database));
}

absl::StatusOr<std::vector<SegmentInfo>> SegmentCatalog::segments() {
  std::vector<SegmentInfo> segments;
  absl::Status status = for_each_row(
      database_,
      "SELECT number, records, first_start_ns, last_start_ns FROM segment ORDER BY number",
      [&](Statement& row) {
        segments.push_back({row.number(0), row.number(1), row.integer(2), row.integer(3)});
      });
  if (!status.ok()) return status;
  return segments;
}

absl::StatusOr<StreamEnds> SegmentCatalog::streams() {
  StreamEnds ends;
  absl::Status status = for_each_row(
      database_, "SELECT node, incarnation, last_sequence FROM stream", [&](Statement& row) {
        ends[{row.bytes(0), row.bytes(1)}] = row.number(2);
      });
  if (!status.ok()) return status;
  return ends;
}

absl::StatusOr<std::map<std::string, std::string>> SegmentCatalog::newest() {
  std::map<std::string, std::string> newest;
  absl::Status status = for_each_row(database_, "SELECT node, incarnation FROM stream ORDER BY id",
                                     [&](Statement& row) { newest[row.bytes(0)] = row.bytes(1); });
  if (!status.ok()) return status;
  return newest;
}

absl::StatusOr<uint64_t> SegmentCatalog::last_number() {
  uint64_t last = 0;
  absl::Status status =
      for_each_row(database_, "SELECT seq FROM sqlite_sequence WHERE name = 'segment'",
                   [&](Statement& row) { last = row.number(0); });
  if (!status.ok()) return status;
  return last;
}

absl::StatusOr<RefusalCounts> SegmentCatalog::refusals() {
  RefusalCounts counts;
  if (absl::Status status = counts.load(database_); !status.ok()) return status;
  return counts;
}

absl::Status SegmentCatalog::add(const v1::SegmentDirectory& segment) {
  absl::StatusOr<Transaction> transaction = Transaction::begin(database_);
  if (!transaction.ok()) return transaction.status();
  RefusalCounts refusals;
  refusals.add(segment);
  absl::Status status = add_segment(segment.head());
  if (status.ok()) status = add_streams(segment.head());
  if (status.ok()) status = refusals.save(database_);
  if (!status.ok()) return status;
  return transaction->commit();
}

absl::Status SegmentCatalog::add_segment(const v1::SegmentHead& head) {
  absl::StatusOr<Statement> insert = database_.prepare("INSERT INTO segment VALUES(?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  return insert->bind(static_cast<uint64_t>(head.number()))
      .bind(static_cast<uint64_t>(head.records()))
      .bind(to_nanoseconds(head.first_start()))
      .bind(to_nanoseconds(head.last_start()))
      .run();
}

absl::Status SegmentCatalog::add_streams(const v1::SegmentHead& head) {
  absl::StatusOr<Statement> insert = database_.prepare(
      "INSERT INTO stream(node, incarnation, last_sequence, missing) VALUES(?, ?, ?, ?) "
      "ON CONFLICT(node, incarnation) DO UPDATE SET last_sequence = excluded.last_sequence, "
      "missing = missing + excluded.missing");
  if (!insert.ok()) return insert.status();
  for (const v1::SegmentStream& stream : head.streams()) {
    insert->reset();
    insert->bind_text(stream.node())
        .bind_text(stream.incarnation())
        .bind(static_cast<uint64_t>(stream.last()))
        .bind(static_cast<uint64_t>(stream.missing_count()));
    if (absl::Status status = insert->run(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status SegmentCatalog::remove(uint64_t number) {
  absl::StatusOr<Statement> statement = database_.prepare("DELETE FROM segment WHERE number = ?");
  if (!statement.ok()) return statement.status();
  return statement->bind(number).run();
}

absl::StatusOr<uint64_t> SegmentCatalog::read_old(
    size_t count_max, const std::function<absl::Status(const std::string& record)>& each) {
  absl::StatusOr<Statement> select =
      database_.prepare("SELECT id, message FROM record ORDER BY id LIMIT ?");
  if (!select.ok()) return select.status();
  select->bind(static_cast<uint64_t>(count_max));
  uint64_t last = 0;
  for (;;) {
    const absl::StatusOr<bool> row = select->step();
    if (!row.ok()) return row.status();
    if (!*row) return last;
    last = select->number(0);
    if (absl::Status status = each(select->bytes(1)); !status.ok()) return status;
  }
}

absl::Status SegmentCatalog::replace_old(const v1::SegmentDirectory& segment, uint64_t last_row) {
  absl::StatusOr<Transaction> transaction = Transaction::begin(database_);
  if (!transaction.ok()) return transaction.status();
  if (absl::Status status = add_segment(segment.head()); !status.ok()) return status;
  absl::StatusOr<Statement> statement = database_.prepare("DELETE FROM record WHERE id <= ?");
  if (!statement.ok()) return statement.status();
  if (absl::Status status = statement->bind(last_row).run(); !status.ok()) return status;
  return transaction->commit();
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Flow records of all nodes, durable and searchable.
#include "controlplane/audit/record_store.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "controlplane/audit/record_filter.h"
#include "controlplane/audit/refusal_counts.h"

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
};

constexpr Schema kSchema = {
    .application_id = 0x536c7552,  // "SluR"
    .version = 2,
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

constexpr uint32_t kLimitDefault = 100;
constexpr uint32_t kLimitMax = 10'000;
// One transaction of `expire`: short enough that a waiting insert is not felt.
constexpr int64_t kExpireBatch = 10'000;

struct Stream {
  int64_t id = 0;
  uint64_t last_sequence = 0;
  uint64_t missing = 0;
};

absl::StatusOr<Stream> open_stream(Database& database, const std::string& node,
                                   const std::string& incarnation) {
  absl::StatusOr<Statement> insert = database.prepare(
      "INSERT INTO stream(node, incarnation, last_sequence, missing) VALUES(?, ?, 0, 0) "
      "ON CONFLICT DO NOTHING");
  if (!insert.ok()) return insert.status();
  insert->bind_text(node).bind_text(incarnation);
  if (absl::Status status = insert->run(); !status.ok()) return status;
  absl::StatusOr<Statement> select = database.prepare(
      "SELECT id, last_sequence, missing FROM stream WHERE node = ? AND incarnation = ?");
  if (!select.ok()) return select.status();
  const absl::StatusOr<bool> row = select->bind_text(node).bind_text(incarnation).step();
  if (!row.ok()) return row.status();
  return Stream{select->integer(0), select->number(1), select->number(2)};
}

absl::Status save_stream(Database& database, const Stream& stream) {
  absl::StatusOr<Statement> update =
      database.prepare("UPDATE stream SET last_sequence = ?, missing = ? WHERE id = ?");
  if (!update.ok()) return update.status();
  return update->bind(stream.last_sequence).bind(stream.missing).bind(stream.id).run();
}

// The start of a flow that the steering chose a pool for: not of one that was under way already,
// nor of a later part.
bool is_new(const v1::FlowRecord& record) {
  return record.end_reason() == v1::END_REASON_UNSPECIFIED && record.part() <= 1 &&
         record.opened() != v1::OPENED_ADOPTED;
}

absl::Status write_record(Statement& insert, int64_t stream, const v1::FlowRecord& record) {
  insert.reset();
  insert.bind(stream)
      .bind(to_nanoseconds(record.start_time()))
      .bind_blob(record.client_address())
      .bind(int64_t{record.client_port()})
      .bind(static_cast<uint64_t>(record.flow_id()))
      .bind(int64_t{record.end_reason() != v1::END_REASON_UNSPECIFIED})
      .bind_text(record.service())
      .bind_text(record.client_class())
      .bind_text(record.route())
      .bind_text(record.pool())
      .bind_text(record.backend())
      .bind_blob(record.SerializeAsString())
      .bind(int64_t{is_new(record)})
      .bind_text(absl::StrJoin(record.would_refuse(), "\n"));
  return insert.run();
}

// The streams that a batch touches.
class Streams {
 public:
  Streams(Database& database, const std::string& node) : database_(database), node_(node) {}

  absl::StatusOr<Stream*> find(const std::string& incarnation) {
    const auto known = streams_.find(incarnation);
    if (known != streams_.end()) return &known->second;
    absl::StatusOr<Stream> stream = open_stream(database_, node_, incarnation);
    if (!stream.ok()) return stream.status();
    return &streams_.emplace(incarnation, *stream).first->second;
  }
  absl::Status save() {
    for (const auto& [incarnation, stream] : streams_) {
      if (absl::Status status = save_stream(database_, stream); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

 private:
  Database& database_;
  const std::string& node_;
  std::map<std::string, Stream> streams_;
};

absl::Status write_batch(Database& database, const std::string& node,
                         std::span<const v1::FlowRecord> records, InsertResult& result) {
  absl::StatusOr<Statement> insert = database.prepare(
      "INSERT INTO record(stream, start_ns, client, client_port, flow_id, ended, service, "
      "client_class, route, pool, backend, message, is_new, would_refuse) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  Streams streams(database, node);
  RefusalCounts refusals;
  for (const v1::FlowRecord& record : records) {
    if (record.node() != node) {
      return absl::InvalidArgumentError(
          absl::StrCat("node ", node, " sent a record of node ", record.node()));
    }
    absl::StatusOr<Stream*> stream = streams.find(record.incarnation());
    if (!stream.ok()) return stream.status();
    if (record.sequence() <= (*stream)->last_sequence) {
      ++result.duplicates;
      continue;
    }
    const uint64_t missing = record.sequence() - (*stream)->last_sequence - 1;
    (*stream)->last_sequence = record.sequence();
    (*stream)->missing += missing;
    result.missing += missing;
    ++result.inserted;
    absl::Status status = write_record(*insert, (*stream)->id, record);
    if (!status.ok()) return status;
    refusals.add(record);
  }
  if (absl::Status status = refusals.save(database); !status.ok()) return status;
  return streams.save();
}

void bind_values(Statement& statement, const SqlCondition& condition) {
  for (const SqlValue& value : condition.values) {
    if (const auto* number = std::get_if<int64_t>(&value)) {
      statement.bind(*number);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
      statement.bind_text(*text);
    } else {
      statement.bind_blob(std::get<Blob>(value).bytes);
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordStore>> RecordStore::open(const std::string& directory) {
  const std::string path = directory + "/records.db";
  absl::StatusOr<Database> writer = Database::open(path, kSchema, DatabaseUse::kShared);
  if (!writer.ok()) return writer.status();
  if (absl::Status status = make_share_column(*writer); !status.ok()) return status;
  absl::StatusOr<Database> reader = Database::open(path, kSchema, DatabaseUse::kShared);
  if (!reader.ok()) return reader.status();
  return std::unique_ptr<RecordStore>(new RecordStore(*std::move(writer), *std::move(reader)));
}

absl::StatusOr<InsertResult> RecordStore::insert(const std::string& node,
                                                 std::span<const v1::FlowRecord> records) {
  InsertResult result;
  const absl::MutexLock lock(&write_mutex_);
  absl::StatusOr<Transaction> transaction = Transaction::begin(writer_);
  if (!transaction.ok()) return transaction.status();
  absl::Status status = write_batch(writer_, node, records, result);
  if (!status.ok()) return status;
  if (status = transaction->commit(); !status.ok()) return status;
  return result;
}

absl::StatusOr<RecordCursor> RecordStore::cursor(const std::string& node) {
  const absl::MutexLock lock(&write_mutex_);
  absl::StatusOr<Statement> select = writer_.prepare(
      "SELECT incarnation, last_sequence FROM stream WHERE node = ? ORDER BY id DESC LIMIT 1");
  if (!select.ok()) return select.status();
  const absl::StatusOr<bool> row = select->bind_text(node).step();
  if (!row.ok()) return row.status();
  if (!*row) return RecordCursor{};
  return RecordCursor{select->bytes(0), select->number(1)};
}

absl::StatusOr<v1::QueryRecordsResponse> RecordStore::query(
    const v1::QueryRecordsRequest& request) {
  const uint32_t limit = request.limit() == 0 ? kLimitDefault : request.limit();
  if (limit > kLimitMax) {
    return absl::InvalidArgumentError(absl::StrCat("limit: ", limit, " is over ", kLimitMax));
  }
  const absl::StatusOr<SqlCondition> condition = record_condition(request);
  if (!condition.ok()) return condition.status();

  const absl::MutexLock lock(&read_mutex_);
  absl::StatusOr<Statement> select =
      reader_.prepare(absl::StrCat("SELECT start_ns, record.id, message FROM record "
                                   "JOIN stream ON stream.id = record.stream WHERE ",
                                   condition->text, " ORDER BY start_ns, record.id LIMIT ?"));
  if (!select.ok()) return select.status();
  bind_values(*select, *condition);
  select->bind(int64_t{limit} + 1);  // one more than asked for tells whether there is a next page

  v1::QueryRecordsResponse response;
  std::string token;
  for (;;) {
    const absl::StatusOr<bool> row = select->step();
    if (!row.ok()) return row.status();
    if (!*row) return response;
    if (static_cast<uint32_t>(response.records_size()) == limit) break;
    if (!response.add_records()->ParseFromString(select->bytes(2))) {
      return absl::DataLossError(absl::StrCat("record ", select->integer(1), " cannot be read"));
    }
    token = record_page_token(select->integer(0), select->integer(1));
  }
  response.set_next_page_token(token);
  return response;
}

absl::StatusOr<ShareCounts> RecordStore::shares(const std::string& service, absl::Time since) {
  const absl::MutexLock lock(&read_mutex_);
  return count_shares(reader_, service, since);
}

absl::StatusOr<std::vector<v1::WouldRefuse>> RecordStore::would_refuse(uint64_t revision) {
  const absl::MutexLock lock(&read_mutex_);
  return read_refusal_counts(reader_, revision);
}

absl::StatusOr<uint64_t> RecordStore::expire(absl::Time oldest) {
  uint64_t deleted = 0;
  for (;;) {
    const absl::MutexLock lock(&write_mutex_);
    absl::StatusOr<Statement> statement = writer_.prepare(
        "DELETE FROM record WHERE id IN (SELECT id FROM record WHERE start_ns < ? LIMIT ?)");
    if (!statement.ok()) return statement.status();
    statement->bind(absl::ToUnixNanos(oldest)).bind(kExpireBatch);
    if (absl::Status status = statement->run(); !status.ok()) return status;
    const int64_t batch = writer_.changes();
    deleted += static_cast<uint64_t>(batch);
    if (batch < kExpireBatch) return deleted;
  }
}

}  // namespace sluice::controlplane

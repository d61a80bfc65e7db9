// SPDX-License-Identifier: Apache-2.0
//
// Every step of the control plane, by people and by itself, in order.
#include "controlplane/store/event_log.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/store/stored_time.h"

namespace sluice::controlplane {
namespace {

constexpr uint32_t kLimitDefault = 100;
constexpr uint32_t kLimitMax = 10'000;

// The first text after all that begin with `prefix`, none of which holds a byte of 0xff.
std::string end_of(const std::string& prefix) {
  return prefix + '\xff';
}

void cut(std::string& text) {
  if (text.size() <= kEventTextBytesMax) return;
  constexpr std::string_view kEllipsis = "…";
  size_t end = kEventTextBytesMax - kEllipsis.size();
  const auto is_inside_letter = [&text](size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xc0) == 0x80;
  };
  while (end > 0 && is_inside_letter(end))
    --end;
  text.resize(end);
  text += kEllipsis;
}

}  // namespace

absl::Status insert_event(Database& database, v1::Event& event) {
  cut(*event.mutable_actor());
  cut(*event.mutable_target());
  cut(*event.mutable_reason());
  for (auto& [name, text] : *event.mutable_details())
    cut(text);
  if (!event.has_time()) set_time(*event.mutable_time(), absl::Now());
  absl::StatusOr<Statement> last = database.prepare("SELECT COALESCE(MAX(sequence), 0) FROM event");
  if (!last.ok()) return last.status();
  if (const absl::StatusOr<bool> row = last->step(); !row.ok()) return row.status();
  event.set_sequence(last->number(0) + 1);
  absl::StatusOr<Statement> insert = database.prepare("INSERT INTO event VALUES(?, ?, ?, ?)");
  if (!insert.ok()) return insert.status();
  return insert->bind(event.sequence())
      .bind_text(event.kind())
      .bind_text(event.target())
      .bind_blob(event.SerializeAsString())
      .run();
}

absl::Status EventLog::append(v1::Event event) {
  const absl::MutexLock lock(&shared_->mutex);
  absl::StatusOr<Transaction> transaction = Transaction::begin(shared_->database);
  if (!transaction.ok()) return transaction.status();
  if (absl::Status status = insert_event(shared_->database, event); !status.ok()) return status;
  return transaction->commit();
}

absl::StatusOr<std::vector<v1::Event>> EventLog::list(const v1::ListEventsRequest& request) {
  if (request.limit() > kLimitMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("limit: ", request.limit(), " is too many; at most ", kLimitMax));
  }
  // Who names no beginning asks for what happened last.
  const bool wants_newest = request.after() == 0;
  std::string sql = "SELECT message FROM event WHERE sequence > ?";
  if (!request.kind().empty()) sql += " AND kind >= ? AND kind < CAST(? AS TEXT)";
  if (!request.target().empty()) sql += " AND target = ?";
  absl::StrAppend(&sql, " ORDER BY sequence ", wants_newest ? "DESC" : "ASC", " LIMIT ?");

  const absl::MutexLock lock(&shared_->mutex);
  absl::StatusOr<Statement> statement = shared_->database.prepare(sql);
  if (!statement.ok()) return statement.status();
  statement->bind(request.after());
  if (!request.kind().empty())
    statement->bind_text(request.kind()).bind_blob(end_of(request.kind()));
  if (!request.target().empty()) statement->bind_text(request.target());
  statement->bind(int64_t{request.limit() == 0 ? kLimitDefault : request.limit()});
  absl::StatusOr<std::vector<v1::Event>> events = read_events(*statement);
  if (events.ok() && wants_newest) std::reverse(events->begin(), events->end());
  return events;
}

absl::StatusOr<std::vector<v1::Event>> EventLog::following(uint64_t sequence, uint32_t limit) {
  const absl::MutexLock lock(&shared_->mutex);
  absl::StatusOr<Statement> statement = shared_->database.prepare(
      "SELECT message FROM event WHERE sequence > ? ORDER BY sequence LIMIT ?");
  if (!statement.ok()) return statement.status();
  statement->bind(sequence).bind(int64_t{limit});
  return read_events(*statement);
}

absl::StatusOr<std::vector<v1::Event>> EventLog::read_events(Statement& statement) {
  std::vector<v1::Event> events;
  for (;;) {
    const absl::StatusOr<bool> row = statement.step();
    if (!row.ok()) return row.status();
    if (!*row) return events;
    if (!events.emplace_back().ParseFromString(statement.bytes(0))) {
      return absl::DataLossError(
          absl::StrCat(shared_->database.path(), ": a stored event cannot be read"));
    }
  }
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// A revision that reverts by itself unless it is confirmed.
#include "controlplane/store/waiting.h"

namespace sluice::controlplane {

absl::Status write_waiting(Database& database, const std::optional<Waiting>& waiting) {
  if (absl::Status status = database.execute("DELETE FROM waiting"); !status.ok()) return status;
  if (!waiting) return absl::OkStatus();
  absl::StatusOr<Statement> statement =
      database.prepare("INSERT INTO waiting VALUES(1, ?, ?, ?, ?, ?, ?)");
  if (!statement.ok()) return statement.status();
  return statement->bind(waiting->revision)
      .bind(waiting->back_to)
      .bind(absl::ToUnixNanos(waiting->deadline))
      .bind(int64_t{waiting->breaks_glass})
      .bind_text(waiting->author)
      .bind_text(waiting->reason)
      .run();
}

absl::StatusOr<std::optional<Waiting>> read_waiting(Database& database) {
  absl::StatusOr<Statement> statement = database.prepare(
      "SELECT revision, back_to, deadline_ns, breaks_glass, author, reason FROM waiting");
  if (!statement.ok()) return statement.status();
  const absl::StatusOr<bool> row = statement->step();
  if (!row.ok()) return row.status();
  if (!*row) return std::nullopt;
  Waiting waiting;
  waiting.revision = statement->number(0);
  waiting.back_to = statement->number(1);
  waiting.deadline = absl::FromUnixNanos(statement->integer(2));
  waiting.breaks_glass = statement->integer(3) != 0;
  waiting.author = statement->bytes(4);
  waiting.reason = statement->bytes(5);
  return waiting;
}

}  // namespace sluice::controlplane

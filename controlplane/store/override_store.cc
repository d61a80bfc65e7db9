// SPDX-License-Identifier: Apache-2.0
//
// The revision store's drains and recalls, with who set them and why.
#include <utility>

#include "controlplane/store/event_log.h"
#include "controlplane/store/revision_store.h"

namespace sluice::controlplane {

absl::StatusOr<std::vector<OverrideOrder>> RevisionStore::read_overrides() {
  absl::StatusOr<Statement> statement = database_.prepare(
      "SELECT pool, backend, state, author, reason, time_ns FROM override "
      "ORDER BY pool, backend");
  if (!statement.ok()) return statement.status();
  std::vector<OverrideOrder> orders;
  for (;;) {
    const absl::StatusOr<bool> row = statement->step();
    if (!row.ok()) return row.status();
    if (!*row) return orders;
    OverrideOrder& order = orders.emplace_back();
    order.override.set_pool(statement->bytes(0));
    order.override.set_backend(statement->bytes(1));
    order.override.set_state(static_cast<v1::Override::State>(statement->integer(2)));
    order.author = statement->bytes(3);
    order.reason = statement->bytes(4);
    order.time = absl::FromUnixNanos(statement->integer(5));
  }
}

absl::StatusOr<std::vector<OverrideOrder>> RevisionStore::override_orders() {
  const absl::MutexLock lock(&mutex_);
  return read_overrides();
}

absl::Status RevisionStore::write_overrides(const std::vector<v1::Override>& overrides,
                                            const OverrideOrder& order) {
  const absl::StatusOr<std::vector<OverrideOrder>> before = read_overrides();
  if (!before.ok()) return before.status();
  if (absl::Status status = database_.execute("DELETE FROM override"); !status.ok()) return status;
  absl::StatusOr<Statement> statement =
      database_.prepare("INSERT INTO override VALUES(?, ?, ?, ?, ?, ?)");
  if (!statement.ok()) return statement.status();
  for (const v1::Override& override : overrides) {
    // What stays keeps the name of who set it.
    const OverrideOrder* origin = &order;
    for (const OverrideOrder& known : *before) {
      if (known.override.pool() == override.pool() &&
          known.override.backend() == override.backend() &&
          known.override.state() == override.state()) {
        origin = &known;
      }
    }
    statement->reset();
    statement->bind_text(override.pool())
        .bind_text(override.backend())
        .bind(int64_t{override.state()})
        .bind_text(origin->author)
        .bind_text(origin->reason)
        .bind(absl::ToUnixNanos(origin->time));
    if (absl::Status status = statement->run(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status RevisionStore::replace_overrides(uint64_t base_revision,
                                              const std::vector<v1::Override>& overrides,
                                              const NewTable& table, const OverrideOrder& order,
                                              std::vector<v1::Event> events) {
  const absl::MutexLock lock(&mutex_);
  absl::StatusOr<Transaction> transaction = Transaction::begin(database_);
  if (!transaction.ok()) return transaction.status();
  if (absl::Status status = check_base(base_revision, table); !status.ok()) return status;
  if (absl::Status status = write_overrides(overrides, order); !status.ok()) return status;
  if (absl::Status status = write_table(base_revision, table); !status.ok()) return status;
  for (v1::Event& event : events) {
    event.set_revision(base_revision);
    event.set_generation(table.generation);
    if (absl::Status status = insert_event(database_, event); !status.ok()) return status;
  }
  return transaction->commit();
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The table of rollouts' statuses in the store.
#include "controlplane/store/rollout_rows.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace sluice::controlplane {

absl::StatusOr<std::vector<v1::RolloutStatus>> read_rollouts(Database& database) {
  absl::StatusOr<Statement> statement =
      database.prepare("SELECT name, status FROM rollout ORDER BY name");
  if (!statement.ok()) return statement.status();
  std::vector<v1::RolloutStatus> rollouts;
  for (;;) {
    const absl::StatusOr<bool> row = statement->step();
    if (!row.ok()) return row.status();
    if (!*row) return rollouts;
    v1::RolloutStatus& status = rollouts.emplace_back();
    if (!status.ParseFromString(statement->bytes(1)) || status.rollout() != statement->bytes(0)) {
      return absl::DataLossError(
          absl::StrCat(database.path(), ": the stored status of rollout ", statement->bytes(0),
                       " cannot be read; the file is left as it is: restore a backup of it"));
    }
  }
}

absl::Status write_rollouts(Database& database, std::span<const v1::RolloutStatus> rollouts) {
  if (absl::Status status = database.execute("DELETE FROM rollout"); !status.ok()) return status;
  absl::StatusOr<Statement> statement = database.prepare("INSERT INTO rollout VALUES(?, ?)");
  if (!statement.ok()) return statement.status();
  for (const v1::RolloutStatus& rollout : rollouts) {
    statement->reset();
    statement->bind_text(rollout.rollout()).bind_blob(rollout.SerializeAsString());
    if (absl::Status status = statement->run(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace sluice::controlplane

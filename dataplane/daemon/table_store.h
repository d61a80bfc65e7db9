// SPDX-License-Identifier: Apache-2.0
//
// What a node must remember to forward again with nobody's aid: its last-good table, and the health
// it last knew.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/table/canonical_from_proto.h"
#include "sluice/v1/dataplane.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

// The view and each probed backend's last state: `backends` and `view` of a status, nothing else.
using SavedHealth = v1::GetStatusResponse;

// Files in the state directory, each replaced as a whole: magic, length, payload, SHA-256 of all
// that. Thread: control.
class TableStore {
 public:
  explicit TableStore(std::string directory) : directory_(std::move(directory)) {}

  // Errors: INTERNAL (disk); the file on disk is then the old one.
  absl::Status save(const CanonicalTable& table);
  absl::Status save(const SavedHealth& health);

  // nullopt: nothing was saved. A damaged file is moved aside as FILE.corrupt-TIME and told in
  // `complaints`.
  std::optional<v1::ForwardingTable> load_table(std::vector<std::string>& complaints);
  std::optional<SavedHealth> load_health(std::vector<std::string>& complaints);

  std::string table_path() const { return directory_ + "/last-good-table"; }
  std::string health_path() const { return directory_ + "/last-known-health"; }

 private:
  std::string directory_;
};

// The bytes of such a file.
std::string seal(std::string_view payload);
// Errors: DATA_LOSS, what is damaged.
absl::StatusOr<std::string> unseal(std::string_view sealed);

}  // namespace sluice::dataplane

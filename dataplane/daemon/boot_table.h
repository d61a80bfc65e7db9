// SPDX-License-Identifier: Apache-2.0
//
// Which table a node begins with.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/daemon/forwarding.h"
#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

// Errors: INVALID_ARGUMENT, one line: the file cannot be read or is no compiled table.
absl::StatusOr<v1::ForwardingTable> read_table_file(const std::string& path);

struct BootTable {
  v1::ForwardingTable message;
  Durability durability = Durability::kAlreadySaved;
  std::string origin;  // for people
};

// The given table, unless the last-good one is newer: a restart must not undo what a controller has
// pushed since. nullopt: there is none.
std::optional<BootTable> choose_boot_table(std::optional<v1::ForwardingTable> given,
                                           std::optional<v1::ForwardingTable> last_good);

}  // namespace sluice::dataplane

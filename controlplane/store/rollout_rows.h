// SPDX-License-Identifier: Apache-2.0
//
// The table of rollouts' statuses in the store.
#pragma once

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/store/database.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

// Sorted by name.  Errors: DATA_LOSS when a row cannot be read.
absl::StatusOr<std::vector<v1::RolloutStatus>> read_rollouts(Database& database);

// Inside a transaction of the caller: these and no others.
absl::Status write_rollouts(Database& database, std::span<const v1::RolloutStatus> rollouts);

}  // namespace sluice::controlplane

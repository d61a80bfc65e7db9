// SPDX-License-Identifier: Apache-2.0
//
// A revision that reverts by itself unless it is confirmed. There is at most one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/store/database.h"

namespace sluice::controlplane {

struct Waiting {
  uint64_t revision = 0;
  uint64_t back_to = 0;  // whose policy comes back; 0: there was none
  absl::Time deadline;
  bool breaks_glass = false;  // applied without approvals: it cannot be confirmed
  std::string author;
  std::string reason;
};

// Both inside the caller's transaction.
absl::Status write_waiting(Database& database, const std::optional<Waiting>& waiting);
absl::StatusOr<std::optional<Waiting>> read_waiting(Database& database);

}  // namespace sluice::controlplane

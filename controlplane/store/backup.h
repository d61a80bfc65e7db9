// SPDX-License-Identifier: Apache-2.0
//
// A lost controller's store comes back from a backup.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace sluice::controlplane {

struct Restored {
  uint64_t revision = 0;
  uint64_t generation = 0;
  uint64_t term = 0;
};

// Proves `backup`, copies it to `path` and raises its term there: nodes take its policy though they
// may run a later one, and a controller that still runs on the lost store is refused by them.
// Errors: FAILED_PRECONDITION (a store is there; `backup` is none), NOT_FOUND (no backup),
// DATA_LOSS (it is damaged). Nothing is at `path` then.
absl::StatusOr<Restored> restore_store(const std::string& backup, const std::string& path);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Checks a whole log from its files and public keys alone: nothing of it is taken on trust.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/audit/checkpoint.h"
#include "controlplane/audit/signed_note.h"

namespace sluice::controlplane {

struct LogCheck {
  Checkpoint checkpoint;
  std::vector<std::string> signed_by;
  // The first entry that does not fit, and why; unset: every one does.
  std::optional<uint64_t> first_bad;
  std::string problem;
};

// Reads every entry, hands it to `each` in order, and compares with the tiles and with the signed
// root. `earlier` is a checkpoint that somebody kept, if any: the log must contain it.
// Cost: one pass, a bundle in memory.  Errors: NOT_FOUND, INVALID_ARGUMENT, UNAUTHENTICATED of the
// checkpoint; what is wrong below it is in the answer.
absl::StatusOr<LogCheck> check_log(
    const std::filesystem::path& folder, std::span<const NoteKey> keys,
    const std::optional<Checkpoint>& earlier,
    const std::function<void(uint64_t index, const std::string& entry)>& each);

}  // namespace sluice::controlplane

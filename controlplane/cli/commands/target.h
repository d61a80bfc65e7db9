// SPDX-License-Identifier: Apache-2.0
//
// What get and describe are asked for: "KIND", "KIND NAME" or "KIND/NAME".
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/cli/kinds.h"

namespace sluice::controlplane::cli {

enum class TargetKind { kPolicy, kAll, kBackends, kNodes, kChanges, kRecalls };

struct Target {
  TargetKind what = TargetKind::kPolicy;
  const Kind* kind = nullptr;  // of kPolicy
  std::string name;            // empty: all of the kind; of a backend "POOL/NAME" or "NAME"
};

// Errors: INVALID_ARGUMENT.
absl::StatusOr<Target> parse_target(const std::vector<std::string>& words);

}  // namespace sluice::controlplane::cli

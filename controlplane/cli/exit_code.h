// SPDX-License-Identifier: Apache-2.0
//
// How `sluice` ends: the exit codes of DESIGN section 8.
#pragma once

#include "grpcpp/support/status_code_enum.h"

namespace sluice::controlplane::cli {

enum class ExitCode : int {
  kOk = 0,
  kError = 1,    // guardrail refusals included
  kChanges = 2,  // plan, diff: applying would change something
  kUsage = 3,
  kNotFound = 4,
  kNotPermitted = 5,  // or needs approval
  kConflict = 6,      // the base is stale
  kTimeout = 7,
  kUnreachable = 8,
  kVerificationFailed = 9,
};

// The exit code of a call that the server ended with `code`.
ExitCode exit_code_of(grpc::StatusCode code);

}  // namespace sluice::controlplane::cli

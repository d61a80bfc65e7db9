// SPDX-License-Identifier: Apache-2.0
//
// The policy files that `-f` names.
#pragma once

#include <istream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane::cli {

// Each of `names` is a file, a directory (its *.yaml and *.yml, recursively, sorted) or "-" (`in`).
// Errors: NOT_FOUND for what is not there, INVALID_ARGUMENT for what cannot be read and directories
// without policy.
absl::StatusOr<std::vector<v1::PolicyFile>> read_policy_files(const std::vector<std::string>& names,
                                                              std::istream& in);

// The whole content of one file. Errors: NOT_FOUND, INVALID_ARGUMENT.
absl::StatusOr<std::string> read_file(const std::string& name);

// "-" is `out`. Errors: INVALID_ARGUMENT when it cannot be written.
absl::Status write_file(const std::string& name, const std::string& content, std::ostream& out);

}  // namespace sluice::controlplane::cli

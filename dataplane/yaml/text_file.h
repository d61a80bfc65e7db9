// SPDX-License-Identifier: Apache-2.0
//
// Whole files of text.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace sluice {

// Errors: NOT_FOUND with the reason, for whatever cannot be read, a folder too. An empty file is an
// empty text.
absl::StatusOr<std::string> read_text_file(const std::string& path);

}  // namespace sluice

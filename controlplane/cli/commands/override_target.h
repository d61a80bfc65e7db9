// SPDX-License-Identifier: Apache-2.0
//
// The pools and backends that drain and recall name.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane::cli {

// "pool/NAME" or "backend/POOL/NAME". Errors: INVALID_ARGUMENT.
absl::StatusOr<v1::Override> parse_override_target(const std::string& text);
std::string text_of(const v1::Override& target);

}  // namespace sluice::controlplane::cli

// SPDX-License-Identifier: Apache-2.0
//
// Makes a segment forget a client, and keep its tree.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::controlplane {

// Rewrites the private file without the client's address, salt and ports; durable on return. Its
// rows stay, each with the 32 bytes that stand for the client in its leaf and that nobody can trace
// back without the salt. Returns how many rows that were.
// Thread: one per segment; readers see the old file or the new one.
// Errors: NOT_FOUND, DATA_LOSS, UNAVAILABLE.
absl::StatusOr<uint64_t> erase_client(const std::filesystem::path& folder, uint64_t number,
                                      std::string_view address);

}  // namespace sluice::controlplane

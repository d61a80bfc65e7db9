// SPDX-License-Identifier: Apache-2.0
//
// How the files of segments are named.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string_view>

#include "absl/status/statusor.h"

namespace sluice::controlplane {

inline constexpr std::string_view kPublicEnding = ".public";
inline constexpr std::string_view kPrivateEnding = ".private";
inline constexpr std::string_view kJournalEnding = ".journal";

// "00000000000000000042.public" below the folder.
std::filesystem::path public_path(const std::filesystem::path& folder, uint64_t number);
std::filesystem::path private_path(const std::filesystem::path& folder, uint64_t number);
std::filesystem::path journal_path(const std::filesystem::path& folder, uint64_t number);

// Of all files with this ending, ascending.  Errors: NOT_FOUND, UNAVAILABLE.
absl::StatusOr<std::set<uint64_t>> numbers_of(const std::filesystem::path& folder,
                                              std::string_view ending);

}  // namespace sluice::controlplane

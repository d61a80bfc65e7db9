// SPDX-License-Identifier: Apache-2.0
//
// One column of one block as bytes: differences, variable-length integers, Zstandard.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/audit/segment/columns.h"

namespace sluice::controlplane {

// Shape: for `kBeforeLastTime`, `last_times` has as many values.
std::string encode_column(std::span<const uint64_t> values, Packing packing,
                          std::span<const uint64_t> last_times);

// `values` has the number of rows that must come out. False: damaged.
// Shape: as above.
bool decode_column(std::string_view bytes, Packing packing, std::span<const uint64_t> last_times,
                   std::span<uint64_t> values);

std::string compress(std::string_view bytes);
// Nullopt: damaged, or of more than `bytes_max`.
std::optional<std::string> decompress(std::string_view bytes, size_t bytes_max);

}  // namespace sluice::controlplane

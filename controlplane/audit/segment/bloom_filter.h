// SPDX-License-Identifier: Apache-2.0
//
// Tells from one line of 64 bytes that a key is not among many.
// Source: Putze, Sanders, Singler: Cache-, Hash- and Space-Efficient Bloom Filters, WEA 2007.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice::controlplane {

inline constexpr size_t kFilterLineBytes = 64;  // the last four are the line's CRC-32C

uint64_t filter_key(uint64_t number);
uint64_t filter_key(std::string_view bytes);

// Whole lines, at least one; 12 bits for each key, so that about one absent key in 150 is not
// recognised. Keys may repeat; `distinct` of them differ.
std::string make_filter(std::span<const uint64_t> keys, size_t distinct);

// Which line of the filter tells about the key.  Shape: lines > 0.
uint64_t filter_line(uint64_t key, uint64_t lines);
// False: the key is not among them. Nullopt: the line is damaged.
std::optional<bool> line_may_have(std::string_view line, uint64_t key);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// SHA-256 of short pieces, fast.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::controlplane {

using TreeHash = std::array<uint8_t, 32>;

// Of the pieces one after the other.
TreeHash sha256(std::string_view first, std::string_view second = {}, std::string_view third = {});

}  // namespace sluice::controlplane

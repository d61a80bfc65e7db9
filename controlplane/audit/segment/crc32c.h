// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C (Castagnoli). Source: RFC 3720, section 12.1.
#pragma once

#include <cstdint>
#include <string_view>

namespace sluice::controlplane {

uint32_t crc32c(std::string_view bytes) noexcept;

}  // namespace sluice::controlplane

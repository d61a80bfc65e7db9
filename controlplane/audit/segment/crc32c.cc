// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C by the instruction that every x86-64-v2 processor has.
#include "controlplane/audit/segment/crc32c.h"

#include <nmmintrin.h>

#include <cstring>

namespace sluice::controlplane {

uint32_t crc32c(std::string_view bytes) noexcept {
  uint64_t crc = 0xffffffff;
  for (; bytes.size() >= sizeof(uint64_t); bytes.remove_prefix(sizeof(uint64_t))) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data(), sizeof word);
    crc = _mm_crc32_u64(crc, word);
  }
  auto rest = static_cast<uint32_t>(crc);
  for (const char byte : bytes)
    rest = _mm_crc32_u8(rest, static_cast<uint8_t>(byte));
  return ~rest;
}

}  // namespace sluice::controlplane

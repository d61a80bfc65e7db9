// SPDX-License-Identifier: Apache-2.0
//
// SipHash-1-3 of byte strings of any length.
#include "dataplane/net/keyed_hash.h"

#include <cstring>

namespace sluice::dataplane {
namespace {

uint64_t little_endian_word(const void* bytes, size_t count) noexcept {
  uint64_t word = 0;
  std::memcpy(&word, bytes, count);
  return word;
}

}  // namespace

HashKey HashKey::from_bytes(std::span<const uint8_t, 16> bytes) noexcept {
  return {little_endian_word(bytes.data(), 8), little_endian_word(bytes.data() + 8, 8)};
}

uint64_t keyed_hash(const HashKey& key, std::string_view bytes) noexcept {
  detail::SipState<uint64_t> state(key);
  const size_t whole = bytes.size() / 8 * 8;
  for (size_t i = 0; i < whole; i += 8) {
    state.absorb(little_endian_word(bytes.data() + i, 8));
  }
  const uint64_t rest =
      whole == bytes.size() ? 0 : little_endian_word(bytes.data() + whole, bytes.size() - whole);
  state.absorb(rest | detail::length_word(bytes.size()));
  state.finish();
  return state.v0;
}

}  // namespace sluice::dataplane

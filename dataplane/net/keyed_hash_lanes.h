// SPDX-License-Identifier: Apache-2.0
//
// The body of the vector hashes, for files that are compiled with their instruction set. It is
// inlined, so that no vector code reaches another processor by way of the linker.
#pragma once

#include <cstring>

#include "dataplane/net/keyed_hash_burst.h"

namespace sluice::dataplane::detail {

// Shape: Lanes is a vector of uint64_t whose size divides KeyColumns::kRows.
template <class Lanes, size_t Words>
[[gnu::always_inline]] inline void hash_columns(const HashKey& key, const KeyColumns<Words>& keys,
                                                size_t count, HashColumn& out) noexcept {
  constexpr size_t kLanes = sizeof(Lanes) / sizeof(uint64_t);
  for (size_t row = 0; row < count; row += kLanes) {
    SipState<Lanes> state(key);
    for (size_t word = 0; word < Words; ++word) {
      Lanes lanes;
      __builtin_memcpy(&lanes, &keys.words[word][row], sizeof lanes);
      state.absorb(lanes);
    }
    state.absorb(length_word(Words * 8) - Lanes{});
    state.finish();
    __builtin_memcpy(&out.hashes[row], &state.v0, sizeof state.v0);
  }
}

void hash_avx2(const HashKey&, const KeyColumns<2>&, size_t, HashColumn&) noexcept;
void hash_avx2(const HashKey&, const KeyColumns<5>&, size_t, HashColumn&) noexcept;
void hash_avx512(const HashKey&, const KeyColumns<2>&, size_t, HashColumn&) noexcept;
void hash_avx512(const HashKey&, const KeyColumns<5>&, size_t, HashColumn&) noexcept;

}  // namespace sluice::dataplane::detail

// SPDX-License-Identifier: Apache-2.0
//
// The keyed hash of many keys at once, a key per vector lane.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dataplane/net/keyed_hash.h"

namespace sluice::dataplane {

// What a processor can do, each with all before it.
enum class InstructionSet : uint8_t { kPortable, kAvx2, kAvx512 };
inline constexpr std::array kInstructionSets = {InstructionSet::kPortable, InstructionSet::kAvx2,
                                                InstructionSet::kAvx512};

bool is_supported(InstructionSet set) noexcept;  // by this processor
InstructionSet best_instruction_set() noexcept;
std::string_view instruction_set_name(InstructionSet set) noexcept;

// Keys by column: words[w][i] is word w of key i.
template <size_t Words>
struct alignas(64) KeyColumns {
  static constexpr size_t kRows = 64;
  std::array<std::array<uint64_t, kRows>, Words> words;

  // Shape: Key has `words`, as many.
  template <class Key>
  void set(size_t row, const Key& key) noexcept {
    for (size_t word = 0; word < Words; ++word)
      words[word][row] = key.words[word];
  }
};
struct alignas(64) HashColumn {
  std::array<uint64_t, KeyColumns<1>::kRows> hashes;
};

// out.hashes[i] = keyed_hash(key, words of key i), for i below `count`; what is behind them may
// change too.  Alloc: none.
template <size_t Words>
using KeyedHashBurst = void (*)(const HashKey& key, const KeyColumns<Words>& keys, size_t count,
                                HashColumn& out) noexcept;

// The way to compute it with these instructions, which must be supported. All give the same hashes.
// Shape: Words is 2 or 5, the keys of flows.
template <size_t Words>
KeyedHashBurst<Words> keyed_hash_burst(InstructionSet set) noexcept;

}  // namespace sluice::dataplane

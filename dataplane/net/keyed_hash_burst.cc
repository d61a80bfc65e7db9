// SPDX-License-Identifier: Apache-2.0
//
// Which way of hashing a burst this processor can go.
#include "dataplane/net/keyed_hash_burst.h"

#include "dataplane/net/keyed_hash_lanes.h"

namespace sluice::dataplane {

namespace {

template <size_t Words>
void hash_portable(const HashKey& key, const KeyColumns<Words>& keys, size_t count,
                   HashColumn& out) noexcept {
  for (size_t row = 0; row < count; ++row) {
    std::array<uint64_t, Words> words;
    for (size_t word = 0; word < Words; ++word)
      words[word] = keys.words[word][row];
    out.hashes[row] = keyed_hash(key, words);
  }
}

}  // namespace

bool is_supported(InstructionSet set) noexcept {
#ifdef __x86_64__
  switch (set) {
    case InstructionSet::kAvx2:
      return __builtin_cpu_supports("avx2") != 0;
    case InstructionSet::kAvx512:
      return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
             __builtin_cpu_supports("avx512vl") != 0;
    case InstructionSet::kPortable:
      return true;
  }
#endif
  return set == InstructionSet::kPortable;
}

InstructionSet best_instruction_set() noexcept {
  InstructionSet best = InstructionSet::kPortable;
  for (const InstructionSet set : kInstructionSets) {
    if (is_supported(set)) best = set;
  }
  return best;
}

std::string_view instruction_set_name(InstructionSet set) noexcept {
  constexpr std::array<std::string_view, 3> kNames = {"portable", "avx2", "avx512"};
  return kNames[static_cast<size_t>(set)];
}

template <size_t Words>
KeyedHashBurst<Words> keyed_hash_burst(InstructionSet set) noexcept {
  switch (set) {
#ifdef __x86_64__
    case InstructionSet::kAvx512:
      return detail::hash_avx512;
    case InstructionSet::kAvx2:
      return detail::hash_avx2;
#endif
    default:
      return hash_portable<Words>;
  }
}

template KeyedHashBurst<2> keyed_hash_burst<2>(InstructionSet) noexcept;
template KeyedHashBurst<5> keyed_hash_burst<5>(InstructionSet) noexcept;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Every instruction set of this processor gives the hashes of the portable code.
#include "dataplane/net/keyed_hash_burst.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

namespace sluice::dataplane {
namespace {

template <size_t Words>
void expect_equal_hashes(InstructionSet set) {
  std::mt19937_64 random(Words);
  const HashKey key{random(), random()};
  KeyColumns<Words> keys;
  for (auto& column : keys.words) {
    for (uint64_t& word : column)
      word = random();
  }
  for (size_t count = 0; count <= KeyColumns<Words>::kRows; ++count) {
    HashColumn column{};
    keyed_hash_burst<Words>(set)(key, keys, count, column);
    for (size_t row = 0; row < count; ++row) {
      std::array<uint64_t, Words> words;
      for (size_t word = 0; word < Words; ++word)
        words[word] = keys.words[word][row];
      ASSERT_EQ(column.hashes[row], keyed_hash(key, words)) << "row " << row << " of " << count;
    }
  }
}

class KeyedHashBurst : public testing::TestWithParam<InstructionSet> {};

TEST_P(KeyedHashBurst, EqualsTheHashOfEachKey) {
  if (!is_supported(GetParam())) GTEST_SKIP() << "not on this processor";
  expect_equal_hashes<2>(GetParam());
  expect_equal_hashes<5>(GetParam());
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, KeyedHashBurst, testing::ValuesIn(kInstructionSets),
                         [](const auto& one) {
                           return std::string(instruction_set_name(one.param));
                         });

TEST(InstructionSets, ThePortableOneIsAlwaysThere) {
  EXPECT_TRUE(is_supported(InstructionSet::kPortable));
  EXPECT_TRUE(is_supported(best_instruction_set()));
}

}  // namespace
}  // namespace sluice::dataplane

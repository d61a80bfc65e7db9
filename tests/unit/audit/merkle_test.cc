// SPDX-License-Identifier: Apache-2.0
//
// The tree against the vectors of RFC 6962's reference implementation, and proofs against a plain
// recursive definition.
#include "controlplane/audit/merkle.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/escaping.h"

namespace sluice::controlplane {
namespace {

std::string hex(const TreeHash& hash) {
  return absl::BytesToHexString({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

const std::vector<std::string>& vectors() {
  static const std::vector<std::string> leaves = {
      "",
      absl::HexStringToBytes("00"),
      absl::HexStringToBytes("10"),
      absl::HexStringToBytes("2021"),
      absl::HexStringToBytes("3031"),
      absl::HexStringToBytes("40414243"),
      absl::HexStringToBytes("5051525354555657"),
      absl::HexStringToBytes("606162636465666768696a6b6c6d6e6f")};
  return leaves;
}

// MTH(D[begin:end]) as section 2.1 writes it down.
TreeHash plain_root(const std::vector<TreeHash>& leaves, uint64_t begin, uint64_t end) {
  if (end - begin == 1) return leaves[begin];
  uint64_t k = 1;
  while (2 * k < end - begin)
    k *= 2;
  return node_hash(plain_root(leaves, begin, begin + k), plain_root(leaves, begin + k, end));
}

struct Tree {
  explicit Tree(uint64_t size) {
    for (uint64_t i = 0; i < size; ++i)
      leaves.push_back(leaf_hash(std::to_string(i)));
  }
  SubtreeHashes subtrees() const {
    return [this](uint32_t level, uint64_t index) {
      return plain_root(leaves, index << level, (index + 1) << level);
    };
  }
  TreeHash root(uint64_t size) const {
    return size == 0 ? empty_root() : plain_root(leaves, 0, size);
  }
  std::vector<TreeHash> leaves;
};

TEST(Merkle, RootsAreThoseOfTheVectors) {
  MerkleFrontier tree;
  EXPECT_EQ(hex(tree.root()).substr(0, 8), "e3b0c442");
  const std::vector<std::string> begins = {"6e340b9c", "fac54203", "aeb6bcfe", "d37ee418",
                                           "4e3bbb1f", "76e67dad", "ddb89be4", "5dc9da79"};
  for (size_t i = 0; i < vectors().size(); ++i) {
    tree.append(leaf_hash(vectors()[i]));
    EXPECT_EQ(hex(tree.root()).substr(0, 8), begins[i]);
  }
  EXPECT_EQ(hex(tree.root()), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

TEST(Merkle, ProofsAreThoseOfTheVectors) {
  std::vector<TreeHash> leaves;
  for (const std::string& leaf : vectors())
    leaves.push_back(leaf_hash(leaf));
  const SubtreeHashes subtrees = [&](uint32_t level, uint64_t index) {
    return plain_root(leaves, index << level, (index + 1) << level);
  };

  const std::vector<TreeHash> path = inclusion_proof(5, 8, subtrees);
  const std::vector<TreeHash> growth = consistency_proof(6, 8, subtrees);

  ASSERT_EQ(path.size(), 3u);
  EXPECT_EQ(hex(path[0]), "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b");
  EXPECT_EQ(hex(path[1]), "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0");
  EXPECT_EQ(hex(path[2]), "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7");
  ASSERT_EQ(growth.size(), 3u);
  EXPECT_EQ(hex(growth[0]), "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a");
  EXPECT_EQ(growth[1], path[1]);
  EXPECT_EQ(growth[2], path[2]);
}

TEST(Merkle, GrowsAsTheDefinitionSays) {
  const Tree tree(130);
  MerkleFrontier frontier;
  for (uint64_t size = 0; size < 130; ++size) {
    ASSERT_EQ(frontier.root(), tree.root(size)) << size;
    ASSERT_EQ(MerkleFrontier::of(size, tree.subtrees()).root(), tree.root(size)) << size;
    frontier.append(tree.leaves[size]);
  }
}

TEST(Merkle, EveryLeafOfEverySizeIsProved) {
  const Tree tree(40);
  for (uint64_t size = 1; size <= 40; ++size) {
    for (uint64_t index = 0; index < size; ++index) {
      const auto proof = inclusion_proof(index, size, tree.subtrees());
      ASSERT_TRUE(is_included(tree.leaves[index], index, size, proof, tree.root(size)));
      ASSERT_FALSE(is_included(tree.leaves[(index + 1) % 40], index, size, proof, tree.root(size)));
      if (index + 1 < size) {
        ASSERT_FALSE(is_included(tree.leaves[index], index + 1, size, proof, tree.root(size)));
      }
    }
  }
}

TEST(Merkle, EveryGrowthIsProved) {
  const Tree tree(40);
  for (uint64_t after = 0; after <= 40; ++after) {
    for (uint64_t before = 0; before <= after; ++before) {
      const auto proof = consistency_proof(before, after, tree.subtrees());
      ASSERT_TRUE(is_consistent(before, after, tree.root(before), tree.root(after), proof))
          << before << " " << after;
      if (before == 0 || before == after) continue;
      ASSERT_FALSE(is_consistent(before, after, tree.leaves[39], tree.root(after), proof));
      ASSERT_FALSE(is_consistent(before, after, tree.root(before), tree.leaves[39], proof));
      std::vector<TreeHash> longer = proof;
      longer.push_back(tree.leaves[0]);
      ASSERT_FALSE(is_consistent(before, after, tree.root(before), tree.root(after), longer));
    }
  }
}

TEST(Merkle, NoProofIsNoProof) {
  const Tree tree(8);
  EXPECT_FALSE(is_included(tree.leaves[0], 0, 0, {}, empty_root()));
  EXPECT_FALSE(is_included(tree.leaves[0], 3, 8, {}, tree.root(8)));
  EXPECT_FALSE(is_consistent(3, 8, tree.root(3), tree.root(8), {}));
  EXPECT_FALSE(is_consistent(8, 3, tree.root(8), tree.root(3), {}));
}

}  // namespace
}  // namespace sluice::controlplane

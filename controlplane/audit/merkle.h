// SPDX-License-Identifier: Apache-2.0
//
// The log's Merkle tree: hashes, growth, proofs and their check. Pure.
// Source: RFC 6962, section 2.1; the checks as in RFC 9162, sections 2.1.3.2 and 2.1.4.2.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/strings/string_view.h"
#include "controlplane/audit/sha256.h"

namespace sluice::controlplane {

TreeHash leaf_hash(absl::string_view leaf);
TreeHash node_hash(const TreeHash& left, const TreeHash& right);
TreeHash empty_root();

// The hash of the perfect subtree over leaves [index << level, (index + 1) << level).
using SubtreeHashes = std::function<TreeHash(uint32_t level, uint64_t index)>;

// The right edge of a growing tree: all that the next root needs.
class MerkleFrontier {
 public:
  // A tree that has grown before.  Shape: `subtrees` knows all perfect subtrees of its leaves.
  static MerkleFrontier of(uint64_t size, const SubtreeHashes& subtrees);

  // Calls `completed` for each perfect subtree that the leaf completes, the leaf itself first.
  void append(const TreeHash& leaf,
              const std::function<void(uint32_t level, const TreeHash& hash)>& completed = {});
  uint64_t size() const noexcept { return size_; }
  TreeHash root() const;

 private:
  uint64_t size_ = 0;
  std::vector<TreeHash> edge_;  // perfect subtrees from left to right, the biggest first
};

// That the leaf at `index` is in the tree of `size` leaves.  Shape: index < size.
std::vector<TreeHash> inclusion_proof(uint64_t index, uint64_t size, const SubtreeHashes& subtrees);
bool is_included(const TreeHash& leaf, uint64_t index, uint64_t size,
                 std::span<const TreeHash> proof, const TreeHash& root);

// That the tree of `before` leaves is the beginning of the one of `after`.  Shape: before <= after.
std::vector<TreeHash> consistency_proof(uint64_t before, uint64_t after,
                                        const SubtreeHashes& subtrees);
bool is_consistent(uint64_t before, uint64_t after, const TreeHash& root_before,
                   const TreeHash& root_after, std::span<const TreeHash> proof);

}  // namespace sluice::controlplane

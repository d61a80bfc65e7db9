// SPDX-License-Identifier: Apache-2.0
//
// A segment's Merkle tree, with what is kept of it beside its root.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/audit/merkle.h"

namespace sluice::controlplane {

// Kept are the perfect subtrees of this level: a proof then hashes 256 records, not a million.
inline constexpr uint32_t kKeptLevel = 8;
inline constexpr size_t kKeptLeaves = size_t{1} << kKeptLevel;
inline constexpr size_t kMarkBytes = 2;

class RecordTree {
 public:
  void add(const TreeHash& leaf);

  TreeHash root() const { return frontier_.root(); }
  // One after the other, from left to right.
  const std::string& subtrees() const noexcept { return subtrees_; }
  // The first two bytes of each leaf's hash.
  const std::string& marks() const noexcept { return marks_; }

 private:
  MerkleFrontier frontier_;
  std::string subtrees_;
  std::string marks_;
};

std::string_view view_of(const TreeHash& hash);
// Shape: `bytes` has as many as a hash.
TreeHash hash_of(std::string_view bytes);

}  // namespace sluice::controlplane

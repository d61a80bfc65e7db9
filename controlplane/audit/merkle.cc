// SPDX-License-Identifier: Apache-2.0
//
// The log's Merkle tree.
#include "controlplane/audit/merkle.h"

#include <bit>
#include <iterator>
#include <string_view>

#include "absl/strings/string_view.h"

namespace sluice::controlplane {
namespace {

constexpr std::string_view kLeafPrefix("\0", 1);
constexpr std::string_view kNodePrefix("\1", 1);

std::string_view view_of(const TreeHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

// The largest power of two below `size`, which is 2 or more: where the tree divides.
uint64_t split_of(uint64_t size) {
  return std::bit_floor(size - 1);
}

// Of the tree over leaves [begin, end), whose `begin` is a multiple of its perfect subtrees.
TreeHash range_root(uint64_t begin, uint64_t end, const SubtreeHashes& subtrees) {
  const uint64_t size = end - begin;
  if (std::has_single_bit(size)) {
    const auto level = static_cast<uint32_t>(std::countr_zero(size));
    return subtrees(level, begin >> level);
  }
  const uint64_t middle = begin + split_of(size);
  return node_hash(range_root(begin, middle, subtrees), range_root(middle, end, subtrees));
}

// RFC 6962, section 2.1.1, from the leaf upwards.
void add_path(uint64_t index, uint64_t begin, uint64_t end, const SubtreeHashes& subtrees,
              std::vector<TreeHash>& proof) {
  if (end - begin <= 1) return;
  const uint64_t middle = begin + split_of(end - begin);
  if (index < middle) {
    add_path(index, begin, middle, subtrees, proof);
    proof.push_back(range_root(middle, end, subtrees));
  } else {
    add_path(index, middle, end, subtrees, proof);
    proof.push_back(range_root(begin, middle, subtrees));
  }
}

// RFC 6962, section 2.1.2: SUBPROOF(before, D[begin:end], is_whole).
void add_subproof(uint64_t before, uint64_t begin, uint64_t end, bool is_whole,
                  const SubtreeHashes& subtrees, std::vector<TreeHash>& proof) {
  if (before == end) {
    if (!is_whole) proof.push_back(range_root(begin, end, subtrees));
    return;
  }
  const uint64_t middle = begin + split_of(end - begin);
  if (before <= middle) {
    add_subproof(before, begin, middle, is_whole, subtrees, proof);
    proof.push_back(range_root(middle, end, subtrees));
  } else {
    add_subproof(before, middle, end, false, subtrees, proof);
    proof.push_back(range_root(begin, middle, subtrees));
  }
}

}  // namespace

TreeHash leaf_hash(absl::string_view leaf) {
  return sha256(kLeafPrefix, {leaf.data(), leaf.size()});
}

TreeHash node_hash(const TreeHash& left, const TreeHash& right) {
  return sha256(kNodePrefix, view_of(left), view_of(right));
}

TreeHash empty_root() {
  return sha256({});
}

MerkleFrontier MerkleFrontier::of(uint64_t size, const SubtreeHashes& subtrees) {
  MerkleFrontier frontier;
  frontier.size_ = size;
  uint64_t begin = 0;
  for (uint64_t rest = size; rest != 0;) {
    const uint64_t width = std::bit_floor(rest);
    const auto level = static_cast<uint32_t>(std::countr_zero(width));
    frontier.edge_.push_back(subtrees(level, begin >> level));
    begin += width;
    rest -= width;
  }
  return frontier;
}

void MerkleFrontier::append(
    const TreeHash& leaf,
    const std::function<void(uint32_t level, const TreeHash& hash)>& completed) {
  TreeHash hash = leaf;
  uint32_t level = 0;
  if (completed) completed(level, hash);
  for (uint64_t rest = size_; (rest & 1) != 0; rest >>= 1) {
    hash = node_hash(edge_.back(), hash);
    edge_.pop_back();
    if (completed) completed(++level, hash);
  }
  edge_.push_back(hash);
  ++size_;
}

TreeHash MerkleFrontier::root() const {
  if (edge_.empty()) return empty_root();
  TreeHash root = edge_.back();
  for (auto left = std::next(edge_.rbegin()); left != edge_.rend(); ++left)
    root = node_hash(*left, root);
  return root;
}

std::vector<TreeHash> inclusion_proof(uint64_t index, uint64_t size,
                                      const SubtreeHashes& subtrees) {
  std::vector<TreeHash> proof;
  add_path(index, 0, size, subtrees, proof);
  return proof;
}

bool is_included(const TreeHash& leaf, uint64_t index, uint64_t size,
                 std::span<const TreeHash> proof, const TreeHash& root) {
  if (index >= size) return false;
  uint64_t node = index;
  uint64_t last = size - 1;
  TreeHash hash = leaf;
  for (const TreeHash& sibling : proof) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      hash = node_hash(sibling, hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      hash = node_hash(hash, sibling);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && hash == root;
}

std::vector<TreeHash> consistency_proof(uint64_t before, uint64_t after,
                                        const SubtreeHashes& subtrees) {
  std::vector<TreeHash> proof;
  if (before != 0 && before != after) add_subproof(before, 0, after, true, subtrees, proof);
  return proof;
}

bool is_consistent(uint64_t before, uint64_t after, const TreeHash& root_before,
                   const TreeHash& root_after, std::span<const TreeHash> proof) {
  if (before > after) return false;
  if (before == after) return proof.empty() && root_before == root_after;
  if (before == 0) return proof.empty() && root_before == empty_root();
  if (proof.empty()) return false;
  std::vector<TreeHash> path(proof.begin(), proof.end());
  // An old root that is a node of the new tree is not sent.
  if (std::has_single_bit(before)) path.insert(path.begin(), root_before);
  uint64_t node = before - 1;
  uint64_t last = after - 1;
  while ((node & 1) != 0) {
    node >>= 1;
    last >>= 1;
  }
  TreeHash old_hash = path.front();
  TreeHash new_hash = path.front();
  for (size_t i = 1; i < path.size(); ++i) {
    if (last == 0) return false;
    if ((node & 1) != 0 || node == last) {
      old_hash = node_hash(path[i], old_hash);
      new_hash = node_hash(path[i], new_hash);
      while ((node & 1) == 0 && node != 0) {
        node >>= 1;
        last >>= 1;
      }
    } else {
      new_hash = node_hash(new_hash, path[i]);
    }
    node >>= 1;
    last >>= 1;
  }
  return last == 0 && old_hash == root_before && new_hash == root_after;
}

}  // namespace sluice::controlplane

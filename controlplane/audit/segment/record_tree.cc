// SPDX-License-Identifier: Apache-2.0
//
// A segment's Merkle tree.
#include "controlplane/audit/segment/record_tree.h"

#include <cstring>

namespace sluice::controlplane {

void RecordTree::add(const TreeHash& leaf) {
  marks_ += view_of(leaf).substr(0, kMarkBytes);
  frontier_.append(leaf, [this](uint32_t level, const TreeHash& hash) {
    if (level == kKeptLevel) subtrees_ += view_of(hash);
  });
}

std::string_view view_of(const TreeHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

TreeHash hash_of(std::string_view bytes) {
  TreeHash hash;
  std::memcpy(hash.data(), bytes.data(), hash.size());
  return hash;
}

}  // namespace sluice::controlplane

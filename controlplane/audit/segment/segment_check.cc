// SPDX-License-Identifier: Apache-2.0
//
// Checks a segment's records against the root that was signed for it.
#include "controlplane/audit/segment/segment_check.h"

#include <utility>

#include "controlplane/audit/segment/record_tree.h"
#include "google/protobuf/util/message_differencer.h"

namespace sluice::controlplane {
namespace {

SegmentCheck bad(uint64_t row, std::string problem) {
  return {row, std::move(problem)};
}

// Where what was kept of the tree differs first from the records. Both may have been changed, so
// that this is an answer and no proof.
uint64_t first_difference(const RecordTree& tree, const std::string& subtrees,
                          const std::string& marks) {
  size_t group = 0;
  while (group < tree.subtrees().size() / sizeof(TreeHash) &&
         tree.subtrees().compare(group * sizeof(TreeHash), sizeof(TreeHash), subtrees,
                                 group * sizeof(TreeHash), sizeof(TreeHash)) == 0) {
    ++group;
  }
  const size_t begin = group * kKeptLeaves;
  for (size_t row = begin; row < marks.size() / kMarkBytes; ++row) {
    const size_t at = row * kMarkBytes;
    if (tree.marks().compare(at, kMarkBytes, marks, at, kMarkBytes) != 0) return row;
  }
  return begin < marks.size() / kMarkBytes ? begin : 0;
}

}  // namespace

SegmentCheck check_segment(const Segment& segment, const v1::SegmentHead& signed_head) {
  using google::protobuf::util::MessageDifferencer;
  if (!MessageDifferencer::Equals(segment.head(), signed_head)) {
    return bad(0, "the segment's head is not the one that was signed");
  }
  RecordTree tree;
  BlockRows rows;
  std::vector<TreeHash> leaves;
  for (size_t block = 0; block < segment.blocks(); ++block) {
    const absl::Status status = read_block(segment, block, rows);
    if (!status.ok()) return bad(block * kBlockRows, std::string(status.message()));
    leaves.resize(rows.size());
    segment.hash_leaves(block, rows, 0, leaves);
    for (const TreeHash& leaf : leaves)
      tree.add(leaf);
  }
  const absl::StatusOr<std::vector<TreeHash>> subtrees = segment.subtrees();
  const absl::StatusOr<std::string> marks = segment.marks();
  absl::Status status = segment.check_filters();
  status.Update(subtrees.status());
  status.Update(marks.status());
  if (!status.ok()) return bad(0, std::string(status.message()));
  if (view_of(tree.root()) == signed_head.root()) return {};
  std::string kept;
  for (const TreeHash& hash : *subtrees)
    kept += view_of(hash);
  return bad(first_difference(tree, kept, *marks),
             "the record is not the one whose segment was signed");
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// A sealed segment, read from its two files.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/audit/segment/column_file.h"
#include "controlplane/audit/segment/private_part.h"
#include "controlplane/audit/segment/record_tree.h"
#include "controlplane/audit/segment/row_source.h"

namespace sluice::controlplane {

// Thread: any, at once, after `load`.
// Errors: NOT_FOUND (no such file), DATA_LOSS (damaged; says file and position), UNAVAILABLE.
class Segment final : public RowSource {
 public:
  static absl::StatusOr<Segment> open(const std::filesystem::path& folder, uint64_t number);
  static absl::StatusOr<Segment> open(FileBytes public_bytes, FileBytes private_bytes);

  // Of the public file alone; one small read.
  static absl::StatusOr<v1::SegmentHead> read_head(const std::filesystem::path& folder,
                                                   uint64_t number);

  // Whether looking further is worth it; one small read each.
  absl::StatusOr<bool> may_have_flow(uint64_t flow_id) const;
  absl::StatusOr<bool> may_have_client(std::string_view address) const;

  // Before anything below.
  absl::Status load();

  const v1::SegmentHead& head() const { return directory_.head(); }
  const v1::SegmentDirectory& directory() const { return directory_; }
  size_t rows() const override { return directory_.head().records(); }
  const Dictionaries& dictionaries() const override { return dictionaries_; }
  const std::vector<Client>& clients() const override { return clients_; }
  absl::Status read(size_t block, Column column, std::vector<uint64_t>& values) const override;
  absl::Status read(size_t block, PrivateColumn column,
                    std::vector<uint64_t>& values) const override;

  // What stands for the row's client in its leaf.  Shape: `rows` is its block, `i` its place there.
  TreeHash commitment(size_t block, const BlockRows& rows, size_t i) const;
  // Hashes of the leaves of the block's rows [begin, begin + leaves.size()).
  void hash_leaves(size_t block, const BlockRows& rows, size_t begin,
                   std::span<TreeHash> leaves) const;
  // The subtrees of `kKeptLevel`, and the marks of all leaves.
  absl::StatusOr<std::vector<TreeHash>> subtrees() const;
  absl::StatusOr<std::string> marks() const;
  absl::Status check_filters() const;

 private:
  Segment(ColumnFile public_file, ColumnFile private_file)
      : public_(std::move(public_file)), private_(std::move(private_file)) {}
  absl::Status load_clients();

  ColumnFile public_, private_;
  v1::SegmentDirectory directory_, private_directory_;
  Dictionaries dictionaries_;
  std::vector<Client> clients_;
  std::vector<ErasedRow> erased_;
};

}  // namespace sluice::controlplane

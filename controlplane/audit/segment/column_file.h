// SPDX-License-Identifier: Apache-2.0
//
// A file of columns with a filter in front of them: how a segment's public and its private file
// lie on disk.
//
// Blocks of columns, sections and the filter's lines come first, then the directory, a
// SegmentDirectory, then a footer of 28 bytes that says where the directory and the filter are.
// Each piece has its own checksum, so that what is read is right and what is not read costs
// nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/audit/segment/columns.h"
#include "controlplane/audit/segment/file_bytes.h"
#include "sluice/v1/segment.pb.h"

namespace sluice::controlplane {

enum class ColumnFileKind : uint32_t {
  kPublic = 0x31506c53,   // "SlP1"
  kPrivate = 0x31566c53,  // "SlV1"
};

struct ColumnValues {
  std::span<const uint64_t> values;
  Packing packing;
  std::span<const uint64_t> last_times = {};  // for `kBeforeLastTime`
};

// Makes such a file in memory.
class ColumnFileWriter {
 public:
  // Shape: all columns have as many values, at most `kBlockRows`.
  void add_block(std::span<const ColumnValues> columns);
  void add_section(v1::SectionKind kind, std::string_view bytes);
  // The whole file.
  std::string finish(ColumnFileKind kind, std::string_view filter) &&;
  v1::SegmentDirectory& directory() { return directory_; }

 private:
  v1::SegmentDirectory directory_;
  std::string bytes_;
};

// Takes nothing in the file on trust.  Thread: any, at once.
class ColumnFile {
 public:
  // Reads the footer.  Errors: DATA_LOSS, UNAVAILABLE; likewise of all below.
  static absl::StatusOr<ColumnFile> open(FileBytes bytes, ColumnFileKind kind);

  // False: the key is not in the filter. Reads one line.
  absl::StatusOr<bool> may_have(uint64_t key) const;
  // Checked: blocks are full but the last, have `columns` columns, and as many rows as the head
  // says.
  absl::StatusOr<v1::SegmentDirectory> read_directory(size_t columns) const;
  // `values` has as many as the block has rows.  Shape: column < columns of the directory.
  absl::Status read_column(const v1::ColumnBlock& block, size_t column, Packing packing,
                           std::span<const uint64_t> last_times, std::span<uint64_t> values) const;
  absl::StatusOr<std::string> read_section(const v1::SegmentDirectory& directory,
                                           v1::SectionKind kind) const;
  const FileBytes& bytes() const noexcept { return bytes_; }
  // Reads the filter whole.
  absl::Status check_filter() const;

 private:
  ColumnFile(FileBytes bytes) : bytes_(std::move(bytes)) {}

  FileBytes bytes_;
  uint64_t filter_offset_ = 0;
  uint64_t filter_lines_ = 0;
  uint64_t directory_offset_ = 0;
  uint32_t directory_bytes_ = 0;
  uint32_t directory_checksum_ = 0;
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// A file of columns with a filter in front of them.
#include "controlplane/audit/segment/column_file.h"

#include <utility>

#include "controlplane/audit/segment/bloom_filter.h"
#include "controlplane/audit/segment/column_codec.h"
#include "controlplane/audit/segment/crc32c.h"
#include "controlplane/audit/segment/wire.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

// Footer: directory's offset (8), length (4), checksum (4), filter's lines (4), kind (4), checksum
// of all that (4). The filter stands right in front of the directory.
constexpr size_t kFooterBytes = 28;
constexpr size_t kFooterChecked = kFooterBytes - sizeof(uint32_t);
// What is unpacked at once, whatever a file claims.
constexpr size_t kSectionBytesMax = 1u << 30;

}  // namespace

void ColumnFileWriter::add_block(std::span<const ColumnValues> columns) {
  v1::ColumnBlock& block = *directory_.add_blocks();
  block.set_offset(bytes_.size());
  block.set_rows(static_cast<uint32_t>(columns.front().values.size()));
  for (const ColumnValues& column : columns) {
    const std::string encoded = encode_column(column.values, column.packing, column.last_times);
    block.add_stored_bytes(static_cast<uint32_t>(encoded.size()));
    block.add_checksums(crc32c(encoded));
    bytes_ += encoded;
  }
}

void ColumnFileWriter::add_section(v1::SectionKind kind, std::string_view bytes) {
  const std::string compressed = compress(bytes);
  v1::FileSection& section = *directory_.add_sections();
  section.set_kind(kind);
  section.set_offset(bytes_.size());
  section.set_stored_bytes(compressed.size());
  section.set_checksum(crc32c(compressed));
  bytes_ += compressed;
}

std::string ColumnFileWriter::finish(ColumnFileKind kind, std::string_view filter) && {
  bytes_ += filter;
  const std::string directory = directory_.SerializeAsString();
  std::string footer;
  append_little(uint64_t{bytes_.size()}, footer);
  append_little(static_cast<uint32_t>(directory.size()), footer);
  append_little(crc32c(directory), footer);
  append_little(static_cast<uint32_t>(filter.size() / kFilterLineBytes), footer);
  append_little(static_cast<uint32_t>(kind), footer);
  append_little(crc32c(footer), footer);
  bytes_ += directory;
  bytes_ += footer;
  return std::move(bytes_);
}

absl::StatusOr<ColumnFile> ColumnFile::open(FileBytes bytes, ColumnFileKind kind) {
  ColumnFile file(std::move(bytes));
  const uint64_t size = file.bytes_.size();
  if (size < kFooterBytes) return file.bytes_.damage(0, "too short for a segment's file");
  const uint64_t begin = size - kFooterBytes;
  const absl::StatusOr<std::string> footer = file.bytes_.read(begin, kFooterBytes);
  if (!footer.ok()) return footer.status();
  ByteReader reader(*footer);
  file.directory_offset_ = *reader.little<uint64_t>();
  file.directory_bytes_ = *reader.little<uint32_t>();
  file.directory_checksum_ = *reader.little<uint32_t>();
  file.filter_lines_ = *reader.little<uint32_t>();
  const uint32_t found_kind = *reader.little<uint32_t>();
  if (*reader.little<uint32_t>() != crc32c({footer->data(), kFooterChecked})) {
    return file.bytes_.damage(begin, "the footer is damaged or cut off");
  }
  if (found_kind != static_cast<uint32_t>(kind)) {
    return file.bytes_.damage(begin, "not this kind of file");
  }
  const uint64_t filter_bytes = file.filter_lines_ * kFilterLineBytes;
  if (file.directory_offset_ > begin || file.directory_bytes_ != begin - file.directory_offset_ ||
      filter_bytes > file.directory_offset_ || filter_bytes == 0) {
    return file.bytes_.damage(begin, "the footer points beyond the file");
  }
  file.filter_offset_ = file.directory_offset_ - filter_bytes;
  return file;
}

absl::StatusOr<bool> ColumnFile::may_have(uint64_t key) const {
  const uint64_t offset = filter_offset_ + filter_line(key, filter_lines_) * kFilterLineBytes;
  const absl::StatusOr<std::string> line = bytes_.read(offset, kFilterLineBytes);
  if (!line.ok()) return line.status();
  const std::optional<bool> has = line_may_have(*line, key);
  if (!has) return bytes_.damage(offset, "a line of the filter is damaged");
  return *has;
}

absl::Status ColumnFile::check_filter() const {
  const absl::StatusOr<std::string> filter =
      bytes_.read(filter_offset_, filter_lines_ * kFilterLineBytes);
  if (!filter.ok()) return filter.status();
  for (uint64_t line = 0; line < filter_lines_; ++line) {
    const size_t begin = line * kFilterLineBytes;
    if (!line_may_have({filter->data() + begin, kFilterLineBytes}, 0)) {
      return bytes_.damage(filter_offset_ + begin, "a line of the filter is damaged");
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::SegmentDirectory> ColumnFile::read_directory(size_t columns) const {
  const absl::StatusOr<std::string> bytes = bytes_.read(directory_offset_, directory_bytes_);
  if (!bytes.ok()) return bytes.status();
  v1::SegmentDirectory directory;
  if (crc32c(*bytes) != directory_checksum_ || !directory.ParseFromString(*bytes)) {
    return bytes_.damage(directory_offset_, "the directory is damaged");
  }
  uint64_t rows = 0;
  for (const v1::ColumnBlock& block : directory.blocks()) {
    const bool is_last = &block == &*directory.blocks().rbegin();
    const bool has_rows =
        is_last ? block.rows() > 0 && block.rows() <= kBlockRows : block.rows() == kBlockRows;
    if (!has_rows || static_cast<size_t>(block.stored_bytes_size()) != columns ||
        static_cast<size_t>(block.checksums_size()) != columns) {
      return bytes_.damage(directory_offset_, "the directory has a block of another shape");
    }
    rows += block.rows();
  }
  if (rows == 0 || rows > kSegmentRowsMax || rows != directory.head().records()) {
    return bytes_.damage(directory_offset_, fmt::format("{} rows where there should be {}", rows,
                                                        directory.head().records()));
  }
  return directory;
}

absl::Status ColumnFile::read_column(const v1::ColumnBlock& block, size_t column, Packing packing,
                                     std::span<const uint64_t> last_times,
                                     std::span<uint64_t> values) const {
  uint64_t offset = block.offset();
  for (size_t i = 0; i < column; ++i)
    offset += block.stored_bytes(static_cast<int>(i));
  const uint32_t size = block.stored_bytes(static_cast<int>(column));
  const absl::StatusOr<std::string> bytes = bytes_.read(offset, size);
  if (!bytes.ok()) return bytes.status();
  if (crc32c(*bytes) != block.checksums(static_cast<int>(column)) ||
      !decode_column(*bytes, packing, last_times, values)) {
    return bytes_.damage(offset, fmt::format("column {} is damaged", column));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ColumnFile::read_section(const v1::SegmentDirectory& directory,
                                                     v1::SectionKind kind) const {
  for (const v1::FileSection& section : directory.sections()) {
    if (section.kind() != kind) continue;
    const absl::StatusOr<std::string> stored =
        bytes_.read(section.offset(), section.stored_bytes());
    if (!stored.ok()) return stored.status();
    std::optional<std::string> bytes;
    if (crc32c(*stored) == section.checksum()) bytes = decompress(*stored, kSectionBytesMax);
    if (!bytes) {
      return bytes_.damage(section.offset(), fmt::format("section {} is damaged", int{kind}));
    }
    return *std::move(bytes);
  }
  return bytes_.damage(directory_offset_, fmt::format("section {} is not there", int{kind}));
}

}  // namespace sluice::controlplane

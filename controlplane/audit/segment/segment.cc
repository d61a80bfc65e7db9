// SPDX-License-Identifier: Apache-2.0
//
// A sealed segment, read from its two files.
#include "controlplane/audit/segment/segment.h"

#include <algorithm>
#include <utility>

#include "controlplane/audit/segment/bloom_filter.h"
#include "controlplane/audit/segment/segment_files.h"
#include "fmt/format.h"

namespace sluice::controlplane {

absl::StatusOr<Segment> Segment::open(const std::filesystem::path& folder, uint64_t number) {
  absl::StatusOr<FileBytes> public_bytes = FileBytes::open(public_path(folder, number));
  if (!public_bytes.ok()) return public_bytes.status();
  absl::StatusOr<FileBytes> private_bytes = FileBytes::open(private_path(folder, number));
  if (!private_bytes.ok()) return private_bytes.status();
  return open(*std::move(public_bytes), *std::move(private_bytes));
}

absl::StatusOr<Segment> Segment::open(FileBytes public_bytes, FileBytes private_bytes) {
  absl::StatusOr<ColumnFile> public_file =
      ColumnFile::open(std::move(public_bytes), ColumnFileKind::kPublic);
  if (!public_file.ok()) return public_file.status();
  absl::StatusOr<ColumnFile> private_file =
      ColumnFile::open(std::move(private_bytes), ColumnFileKind::kPrivate);
  if (!private_file.ok()) return private_file.status();
  return Segment(*std::move(public_file), *std::move(private_file));
}

absl::StatusOr<v1::SegmentHead> Segment::read_head(const std::filesystem::path& folder,
                                                   uint64_t number) {
  absl::StatusOr<FileBytes> bytes = FileBytes::open(public_path(folder, number));
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<ColumnFile> file =
      ColumnFile::open(*std::move(bytes), ColumnFileKind::kPublic);
  if (!file.ok()) return file.status();
  absl::StatusOr<v1::SegmentDirectory> directory = file->read_directory(kColumns);
  if (!directory.ok()) return directory.status();
  if (directory->head().number() == number) return directory->head();
  return absl::DataLossError(fmt::format("{} is segment {}", public_path(folder, number).string(),
                                         directory->head().number()));
}

absl::StatusOr<bool> Segment::may_have_flow(uint64_t flow_id) const {
  return public_.may_have(filter_key(flow_id));
}

absl::StatusOr<bool> Segment::may_have_client(std::string_view address) const {
  return private_.may_have(filter_key(address));
}

absl::Status Segment::load() {
  absl::StatusOr<v1::SegmentDirectory> directory = public_.read_directory(kColumns);
  if (!directory.ok()) return directory.status();
  directory_ = *std::move(directory);
  const absl::StatusOr<std::string> bytes =
      public_.read_section(directory_, v1::SECTION_KIND_DICTIONARIES);
  if (!bytes.ok()) return bytes.status();
  std::optional<Dictionaries> dictionaries = Dictionaries::parse(*bytes);
  if (!dictionaries) return public_.bytes().damage(0, "its dictionaries are damaged");
  dictionaries_ = *std::move(dictionaries);
  if (head().root().size() != sizeof(TreeHash)) {
    return public_.bytes().damage(0, "it has no root");
  }
  return load_clients();
}

absl::Status Segment::load_clients() {
  absl::StatusOr<v1::SegmentDirectory> directory = private_.read_directory(kPrivateColumns);
  if (!directory.ok()) return directory.status();
  private_directory_ = *std::move(directory);
  const v1::SegmentHead& other = private_directory_.head();
  if (other.number() != head().number() || other.records() != head().records() ||
      other.root() != head().root()) {
    return private_.bytes().damage(
        0, fmt::format("not the private part of segment {}", head().number()));
  }
  const absl::StatusOr<std::string> client_bytes =
      private_.read_section(private_directory_, v1::SECTION_KIND_CLIENTS);
  if (!client_bytes.ok()) return client_bytes.status();
  const absl::StatusOr<std::string> erased_bytes =
      private_.read_section(private_directory_, v1::SECTION_KIND_ERASED);
  if (!erased_bytes.ok()) return erased_bytes.status();
  std::optional<std::vector<Client>> clients = parse_clients(*client_bytes);
  std::optional<std::vector<ErasedRow>> erased = parse_erased(*erased_bytes);
  if (!clients || !erased) return private_.bytes().damage(0, "its clients are damaged");
  clients_ = *std::move(clients);
  erased_ = *std::move(erased);
  return absl::OkStatus();
}

absl::Status Segment::read(size_t block, Column column, std::vector<uint64_t>& values) const {
  const ColumnSpec& spec = spec_of(column);
  std::vector<uint64_t> last_times;
  if (spec.packing == Packing::kBeforeLastTime) {
    absl::Status status = read(block, Column::kLastTime, last_times);
    if (!status.ok()) return status;
  }
  values.resize(rows_of(block));
  absl::Status status = public_.read_column(directory_.blocks(static_cast<int>(block)),
                                            index_of(column), spec.packing, last_times, values);
  if (!status.ok() || spec.kind != ColumnKind::kFields) return status;
  const auto largest = std::max_element(values.begin(), values.end());
  if (*largest < dictionaries_.size(column)) return status;
  return public_.bytes().damage(
      directory_.blocks(static_cast<int>(block)).offset(),
      fmt::format("column {} has {} where its dictionary ends", index_of(column), *largest));
}

absl::Status Segment::read(size_t block, PrivateColumn column,
                           std::vector<uint64_t>& values) const {
  values.resize(rows_of(block));
  const v1::ColumnBlock& where = private_directory_.blocks(static_cast<int>(block));
  const size_t index = index_of(column);
  absl::Status status = private_.read_column(where, index, kPrivatePackings[index], {}, values);
  if (!status.ok() || column != PrivateColumn::kClient) return status;
  if (*std::max_element(values.begin(), values.end()) < clients_.size()) return status;
  return private_.bytes().damage(where.offset(), "a row has a client that is not there");
}

TreeHash Segment::commitment(size_t block, const BlockRows& rows, size_t i) const {
  if (rows.clients[i] == kErasedClient) {
    const auto row = static_cast<uint32_t>(block * kBlockRows + i);
    const auto found =
        std::lower_bound(erased_.begin(), erased_.end(), row,
                         [](const ErasedRow& erased, uint32_t at) { return erased.row < at; });
    // One that is not there gives another leaf, and so another root.
    return found == erased_.end() || found->row != row ? TreeHash{} : found->commitment;
  }
  const Client& client = clients_[rows.clients[i]];
  return client_commitment(client.salt, client.address, rows.ports[i]);
}

void Segment::hash_leaves(size_t block, const BlockRows& rows, size_t begin,
                          std::span<TreeHash> leaves) const {
  std::string record;
  for (size_t i = 0; i < leaves.size(); ++i) {
    record.clear();
    append_public_record(rows.row(begin + i), dictionaries_, record);
    leaves[i] = record_leaf_hash(record, commitment(block, rows, begin + i));
  }
}

absl::StatusOr<std::vector<TreeHash>> Segment::subtrees() const {
  const absl::StatusOr<std::string> bytes =
      public_.read_section(directory_, v1::SECTION_KIND_SUBTREES);
  if (!bytes.ok()) return bytes.status();
  if (bytes->size() != rows() / kKeptLeaves * sizeof(TreeHash)) {
    return public_.bytes().damage(0, "not as many subtrees as there should be");
  }
  std::vector<TreeHash> hashes;
  for (size_t i = 0; i < bytes->size(); i += sizeof(TreeHash))
    hashes.push_back(hash_of({bytes->data() + i, sizeof(TreeHash)}));
  return hashes;
}

absl::StatusOr<std::string> Segment::marks() const {
  absl::StatusOr<std::string> bytes = public_.read_section(directory_, v1::SECTION_KIND_MARKS);
  if (bytes.ok() && bytes->size() != rows() * kMarkBytes) {
    return public_.bytes().damage(0, "not as many marks as there should be");
  }
  return bytes;
}

absl::Status Segment::check_filters() const {
  absl::Status status = public_.check_filter();
  return status.ok() ? private_.check_filter() : status;
}

}  // namespace sluice::controlplane

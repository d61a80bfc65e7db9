// SPDX-License-Identifier: Apache-2.0
//
// Records that are not sealed yet, as columns in memory.
#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controlplane/audit/segment/record_wire.h"
#include "controlplane/audit/segment/row_source.h"

namespace sluice::controlplane {

// In the order in which they come; each client gets its salt with its first record.
// Thread: one that adds while none reads.
class RowBuffer final : public RowSource {
 public:
  RowBuffer();

  // Shape: rows() < kSegmentRowsMax; `is_client` of the record.
  void add(const RecordFields& record);

  size_t rows() const override { return rows_; }
  const Dictionaries& dictionaries() const override { return dictionaries_.dictionaries(); }
  const std::vector<Client>& clients() const override { return clients_; }
  absl::Status read(size_t block, Column column, std::vector<uint64_t>& values) const override;
  absl::Status read(size_t block, PrivateColumn column,
                    std::vector<uint64_t>& values) const override;

  uint64_t at(size_t row, Column column) const {
    return blocks_[row / kBlockRows].columns[index_of(column)][row % kBlockRows];
  }
  uint64_t at(size_t row, PrivateColumn column) const {
    return blocks_[row / kBlockRows].secrets[index_of(column)][row % kBlockRows];
  }

 private:
  struct Block {
    std::array<std::vector<uint64_t>, kColumns> columns;
    std::array<std::vector<uint64_t>, kPrivateColumns> secrets;
  };
  uint64_t client_index(std::string_view address);
  Salt next_salt();

  size_t rows_ = 0;
  std::vector<Block> blocks_;
  DictionaryBuilder dictionaries_;
  std::vector<Client> clients_;
  absl::flat_hash_map<std::string, uint64_t> client_indexes_;
  std::string random_;  // for the next salts
};

}  // namespace sluice::controlplane

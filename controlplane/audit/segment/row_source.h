// SPDX-License-Identifier: Apache-2.0
//
// Rows of flow records, in a file or in memory, by block and column.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/audit/segment/columns.h"
#include "controlplane/audit/segment/dictionaries.h"
#include "controlplane/audit/segment/record_leaf.h"

namespace sluice::controlplane {

struct Client {
  std::string address;  // 4 or 16 bytes, network order; empty: the record has none, or erased
  Salt salt{};
};

// Whether a record can have such a client: no address, an IPv4 or an IPv6 one, and a port.
bool is_client(std::string_view address, uint64_t port);

class RowSource {
 public:
  virtual ~RowSource() = default;

  virtual size_t rows() const = 0;
  // By the indexes in the columns of fields.
  virtual const Dictionaries& dictionaries() const = 0;
  // By the indexes in `kClient`; that of `kErasedClient` is empty.
  virtual const std::vector<Client>& clients() const = 0;
  // `values` becomes as long as the block; indexes in it are in their dictionary.
  // Errors: DATA_LOSS, UNAVAILABLE.
  virtual absl::Status read(size_t block, Column column, std::vector<uint64_t>& values) const = 0;
  virtual absl::Status read(size_t block, PrivateColumn column,
                            std::vector<uint64_t>& values) const = 0;

  size_t blocks() const { return (rows() + kBlockRows - 1) / kBlockRows; }
  size_t rows_of(size_t block) const { return std::min(kBlockRows, rows() - block * kBlockRows); }
};

// Every column of a block.
struct BlockRows {
  std::array<std::vector<uint64_t>, kColumns> columns;
  std::vector<uint64_t> clients, ports;

  size_t size() const { return clients.size(); }
  RowValues row(size_t i) const {
    RowValues values;
    for (size_t column = 0; column < kColumns; ++column)
      values[column] = columns[column][i];
    return values;
  }
};

absl::Status read_block(const RowSource& source, size_t block, BlockRows& rows);
// The record again.  Errors: DATA_LOSS.
absl::StatusOr<v1::FlowRecord> record_at(const RowSource& source, const BlockRows& rows, size_t i);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Records that are not sealed yet, as columns in memory.
#include "controlplane/audit/segment/row_buffer.h"

#include <openssl/rand.h>

#include <cstdlib>
#include <cstring>

#include "absl/strings/string_view.h"

namespace sluice::controlplane {
namespace {

constexpr size_t kSaltsAtOnce = 256;  // a call for random bytes costs as much as a record

}  // namespace

RowBuffer::RowBuffer() : clients_(1) {}

void RowBuffer::add(const RecordFields& record) {
  if (rows_ % kBlockRows == 0) blocks_.emplace_back();
  Block& block = blocks_.back();
  for (size_t i = 0; i < kColumns; ++i) {
    const bool has_dictionary = kColumnSpecs[i].kind == ColumnKind::kFields;
    block.columns[i].push_back(
        has_dictionary ? dictionaries_.index_of_field(static_cast<Column>(i), record.fields[i])
                       : record.numbers[i]);
  }
  block.secrets[index_of(PrivateColumn::kClient)].push_back(client_index(record.client_address));
  block.secrets[index_of(PrivateColumn::kClientPort)].push_back(record.client_port);
  ++rows_;
}

uint64_t RowBuffer::client_index(std::string_view address) {
  const auto found = client_indexes_.find(absl::string_view(address.data(), address.size()));
  if (found != client_indexes_.end()) return found->second;
  clients_.push_back({std::string(address), next_salt()});
  client_indexes_.emplace(std::string(address), clients_.size() - 1);
  return clients_.size() - 1;
}

Salt RowBuffer::next_salt() {
  if (random_.empty()) {
    random_.resize(kSaltsAtOnce * sizeof(Salt));
    // Without random bytes there are no secrets, and nothing here could go on.
    if (RAND_bytes(reinterpret_cast<unsigned char*>(random_.data()),
                   static_cast<int>(random_.size())) != 1) {
      std::abort();
    }
  }
  Salt salt;
  std::memcpy(salt.data(), random_.data() + random_.size() - salt.size(), salt.size());
  random_.resize(random_.size() - salt.size());
  return salt;
}

absl::Status RowBuffer::read(size_t block, Column column, std::vector<uint64_t>& values) const {
  values = blocks_[block].columns[index_of(column)];
  return absl::OkStatus();
}

absl::Status RowBuffer::read(size_t block, PrivateColumn column,
                             std::vector<uint64_t>& values) const {
  values = blocks_[block].secrets[index_of(column)];
  return absl::OkStatus();
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Rows of flow records by block and column.
#include "controlplane/audit/segment/row_source.h"

namespace sluice::controlplane {
namespace {

constexpr uint64_t kPortMax = 65'535;

}  // namespace

bool is_client(std::string_view address, uint64_t port) {
  return (address.empty() || address.size() == 4 || address.size() == 16) && port <= kPortMax;
}

absl::Status read_block(const RowSource& source, size_t block, BlockRows& rows) {
  absl::Status status;
  for (size_t i = 0; i < kColumns && status.ok(); ++i)
    status = source.read(block, static_cast<Column>(i), rows.columns[i]);
  if (status.ok()) status = source.read(block, PrivateColumn::kClient, rows.clients);
  if (status.ok()) status = source.read(block, PrivateColumn::kClientPort, rows.ports);
  return status;
}

absl::StatusOr<v1::FlowRecord> record_at(const RowSource& source, const BlockRows& rows, size_t i) {
  std::string bytes;
  append_public_record(rows.row(i), source.dictionaries(), bytes);
  v1::FlowRecord record;
  if (!record.ParseFromString(bytes)) return absl::DataLossError("a row is no flow record");
  record.set_client_address(source.clients()[rows.clients[i]].address);
  record.set_client_port(static_cast<uint32_t>(rows.ports[i]));
  return record;
}

}  // namespace sluice::controlplane

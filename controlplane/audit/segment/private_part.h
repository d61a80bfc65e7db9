// SPDX-License-Identifier: Apache-2.0
//
// The private part of a segment: who its clients were.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/audit/segment/column_file.h"
#include "controlplane/audit/segment/row_source.h"

namespace sluice::controlplane {

// A row whose client was erased keeps what stands for the client in its leaf.
struct ErasedRow {
  uint32_t row = 0;
  TreeHash commitment{};
};

struct PrivatePart {
  v1::SegmentHead head;         // number, records, root
  std::vector<Client> clients;  // the first is nobody
  std::vector<uint64_t> client_of_row, port_of_row;
  std::vector<ErasedRow> erased;  // by row
};

std::string serialize_private(const PrivatePart& part);
// Errors: DATA_LOSS, UNAVAILABLE.
absl::StatusOr<PrivatePart> read_private(const ColumnFile& file);

// Nullopt: damaged.
std::optional<std::vector<Client>> parse_clients(std::string_view bytes);
std::optional<std::vector<ErasedRow>> parse_erased(std::string_view bytes);

}  // namespace sluice::controlplane

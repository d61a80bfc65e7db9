// SPDX-License-Identifier: Apache-2.0
//
// A flow record's bytes as numbers and fields, without building the message.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/audit/segment/columns.h"

namespace sluice::controlplane {

// One record's columns.
using RowValues = std::array<uint64_t, kColumns>;

// Points into the record's bytes.
struct RecordFields {
  RowValues numbers{};                              // of columns that have no dictionary
  std::array<std::string_view, kColumns> fields{};  // of those that have
  std::string_view client_address;
  uint64_t client_port = 0;
};

// Shape: `record` is what protobuf writes: fields ascending, then those that it does not know. From
// the first field on that no column can hold exactly, all is in `kRest`.
// Nullopt: it is cut off.
std::optional<RecordFields> parse_record(std::string_view record);

// The field of a dictionary's column, as it stands in a record; empty for an empty value.
std::string text_field(Column column, std::string_view value);
// The value again.  Shape: `field` is one that `text_field` can make.
std::string_view text_of(std::string_view field);
// Of a repeated field, each.
std::vector<std::string> texts_of(std::string_view fields);

}  // namespace sluice::controlplane

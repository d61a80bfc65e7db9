// SPDX-License-Identifier: Apache-2.0
//
// The leaf of a flow record in its segment's tree.
#include "controlplane/audit/segment/record_leaf.h"

#include "controlplane/audit/segment/wire.h"

namespace sluice::controlplane {
namespace {

constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr char kSecondsTag = 1 << 3;
constexpr char kNanosTag = 2 << 3;
constexpr std::string_view kLeafPrefix("\0", 1);  // RFC 6962, section 2.1

std::string_view bytes_of(const auto& array) {
  return {reinterpret_cast<const char*>(array.data()), array.size()};
}

char* write_tag(uint32_t field, uint64_t wire_type, char* out) {
  return write_varint(uint64_t{field} << 3 | wire_type, out);
}

void append_number(uint32_t field, uint64_t value, std::string& out) {
  if (value == 0) return;
  char bytes[2 * kVarintBytesMax];
  char* end = write_varint(value, write_tag(field, 0, bytes));
  out.append(bytes, static_cast<size_t>(end - bytes));
}

void append_time(uint32_t field, uint64_t nanoseconds, std::string& out) {
  const uint64_t parts[] = {nanoseconds / kNanosecondsPerSecond,
                            nanoseconds % kNanosecondsPerSecond};
  char message[2 * (1 + kVarintBytesMax)];
  char* end = message;
  if (parts[0] != 0) {
    *end++ = kSecondsTag;
    end = write_varint(parts[0], end);
  }
  if (parts[1] != 0) {
    *end++ = kNanosTag;
    end = write_varint(parts[1], end);
  }
  const auto size = static_cast<size_t>(end - message);
  char head[2 * kVarintBytesMax];
  char* head_end = write_varint(size, write_tag(field, 2, head));
  out.append(head, static_cast<size_t>(head_end - head));
  out.append(message, size);
}

}  // namespace

TreeHash client_commitment(const Salt& salt, std::string_view address, uint64_t port) {
  const char port_bytes[] = {static_cast<char>(port >> 8), static_cast<char>(port)};
  return sha256(bytes_of(salt), address, {port_bytes, sizeof port_bytes});
}

void append_public_record(const RowValues& row, const Dictionaries& dictionaries,
                          std::string& out) {
  const uint64_t present = row[index_of(Column::kPresent)];
  for (size_t i = 0; i < index_of(Column::kPresent); ++i) {
    const ColumnSpec& spec = kColumnSpecs[i];
    const auto column = static_cast<Column>(i);
    if (spec.kind == ColumnKind::kNumber) {
      append_number(spec.field, row[i], out);
    } else if (spec.kind == ColumnKind::kFields) {
      if (row[i] != 0) out += dictionaries.field(column, row[i]);
    } else if ((present & present_bit(column)) != 0) {
      append_time(spec.field, row[i], out);
    }
  }
}

TreeHash record_leaf_hash(std::string_view public_record, const TreeHash& commitment) {
  return sha256(kLeafPrefix, public_record, bytes_of(commitment));
}

}  // namespace sluice::controlplane

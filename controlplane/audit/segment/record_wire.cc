// SPDX-License-Identifier: Apache-2.0
//
// A flow record's bytes as numbers and fields, without building the message.
#include "controlplane/audit/segment/record_wire.h"

#include <algorithm>

#include "controlplane/audit/segment/wire.h"

namespace sluice::controlplane {
namespace {

constexpr uint64_t kWireVarint = 0;
constexpr uint64_t kWireBytes = 2;
constexpr uint32_t kClientAddressField = 8;
constexpr uint32_t kClientPortField = 9;
constexpr uint32_t kLastField = 31;
constexpr uint64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr uint64_t kSecondsMax = 9'000'000'000;  // the year 2255; in nanoseconds it fits 64 bits
constexpr uint8_t kNoColumn = 0xff;

constexpr std::array<uint8_t, kLastField + 1> column_by_field() {
  std::array<uint8_t, kLastField + 1> columns{};
  columns.fill(kNoColumn);
  for (size_t i = 0; i < kColumns; ++i) {
    if (kColumnSpecs[i].field != 0) columns[kColumnSpecs[i].field] = static_cast<uint8_t>(i);
  }
  return columns;
}
constexpr auto kColumnByField = column_by_field();

struct Field {
  uint32_t number = 0;
  uint64_t wire_type = 0;
  uint64_t value = 0;      // of a number
  std::string_view bytes;  // of a text, without tag and length
  std::string_view whole;
  bool is_canonical = true;  // it has the bytes that protobuf writes for it
};

// Nullopt: cut off. Of another wire type than the two: no number.
std::optional<Field> next_field(ByteReader& reader) {
  const std::string_view begin = reader.rest();
  const std::optional<uint64_t> tag = reader.varint();
  if (!tag) return std::nullopt;
  Field field;
  field.wire_type = *tag & 7;
  if (field.wire_type != kWireVarint && field.wire_type != kWireBytes) return field;
  const std::optional<uint64_t> value = reader.varint();
  if (!value) return std::nullopt;
  field.value = *value;
  size_t written = varint_bytes(*tag) + varint_bytes(*value);
  if (field.wire_type == kWireBytes) {
    const std::optional<std::string_view> bytes = reader.take(*value);
    if (!bytes) return std::nullopt;
    field.bytes = *bytes;
    written += bytes->size();
  }
  field.whole = begin.substr(0, begin.size() - reader.rest().size());
  field.number = static_cast<uint32_t>(std::min<uint64_t>(*tag >> 3, kLastField + 1));
  field.is_canonical = written == field.whole.size();
  return field;
}

// Nanoseconds of a Timestamp or Duration as protobuf writes it. Nullopt: they do not say it all.
std::optional<uint64_t> nanoseconds_of(std::string_view message) {
  ByteReader reader(message);
  uint64_t parts[2] = {0, 0};  // seconds, nanoseconds
  uint32_t last = 0;
  while (!reader.is_empty()) {
    const std::optional<Field> field = next_field(reader);
    if (!field || field->wire_type != kWireVarint || !field->is_canonical) return std::nullopt;
    if (field->number <= last || field->number > 2 || field->value == 0) return std::nullopt;
    last = field->number;
    parts[last - 1] = field->value;
  }
  if (parts[0] > kSecondsMax || parts[1] >= kNanosecondsPerSecond) return std::nullopt;
  return parts[0] * kNanosecondsPerSecond + parts[1];
}

// False: no column can hold the field.
bool take_column(const Field& field, RecordFields& record) {
  const uint8_t index = kColumnByField[field.number];
  if (index == kNoColumn) return false;
  const ColumnSpec& spec = kColumnSpecs[index];
  if (spec.kind == ColumnKind::kNumber) {
    if (field.wire_type != kWireVarint || field.value == 0) return false;
    record.numbers[index] = field.value;
    return true;
  }
  if (field.wire_type != kWireBytes) return false;
  if (spec.kind == ColumnKind::kFields) {
    record.fields[index] = field.whole;
    return true;
  }
  const std::optional<uint64_t> time = nanoseconds_of(field.bytes);
  if (!time) return false;
  record.numbers[index] = *time;
  record.numbers[index_of(Column::kPresent)] |= present_bit(static_cast<Column>(index));
  return true;
}

bool take_field(const Field& field, RecordFields& record) {
  if (!field.is_canonical || field.number > kLastField) return false;
  if (field.number == kClientAddressField && field.wire_type == kWireBytes) {
    record.client_address = field.bytes;
    return true;
  }
  if (field.number == kClientPortField && field.wire_type == kWireVarint) {
    record.client_port = field.value;
    return true;
  }
  return take_column(field, record);
}

bool is_repeated(uint32_t field) {
  return field == spec_of(Column::kPoolLabels).field ||
         field == spec_of(Column::kWouldRefuse).field;
}

}  // namespace

std::optional<RecordFields> parse_record(std::string_view bytes) {
  RecordFields record;
  ByteReader reader(bytes);
  uint32_t last = 0;
  while (!reader.is_empty()) {
    const std::string_view begin = reader.rest();
    const std::optional<Field> field = next_field(reader);
    if (!field) return std::nullopt;
    const bool is_next = field->number == last && is_repeated(last) && field->is_canonical &&
                         field->wire_type == kWireBytes;
    if (is_next) {
      std::string_view& fields = record.fields[kColumnByField[last]];
      fields = {fields.data(), fields.size() + field->whole.size()};
      continue;
    }
    if (field->number <= last || !take_field(*field, record)) {
      record.fields[index_of(Column::kRest)] = begin;
      break;
    }
    last = field->number;
  }
  return record;
}

std::string text_field(Column column, std::string_view value) {
  if (value.empty()) return {};
  std::string field;
  append_varint(uint64_t{spec_of(column).field} << 3 | kWireBytes, field);
  append_varint(value.size(), field);
  field += value;
  return field;
}

std::string_view text_of(std::string_view field) {
  ByteReader reader(field);
  reader.varint();
  const std::optional<uint64_t> size = reader.varint();
  return size ? reader.take(*size).value_or(std::string_view()) : std::string_view();
}

std::vector<std::string> texts_of(std::string_view fields) {
  std::vector<std::string> texts;
  ByteReader reader(fields);
  while (!reader.is_empty()) {
    const bool has_tag = reader.varint().has_value();
    const std::optional<uint64_t> size = reader.varint();
    const std::optional<std::string_view> text = size ? reader.take(*size) : std::nullopt;
    if (!has_tag || !text) return texts;
    texts.emplace_back(*text);
  }
  return texts;
}

}  // namespace sluice::controlplane

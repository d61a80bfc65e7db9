// SPDX-License-Identifier: Apache-2.0
//
// What the indexes in a segment's columns stand for.
#include "controlplane/audit/segment/dictionaries.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/string_view.h"
#include "controlplane/audit/segment/wire.h"

namespace sluice::controlplane {

Dictionaries::Dictionaries() {
  for (std::vector<std::string>& fields : fields_)
    fields.emplace_back();
}

std::optional<uint64_t> Dictionaries::find(Column column, std::string_view field) const {
  const std::vector<std::string>& fields = fields_[index_of(column)];
  const auto found = std::find(fields.begin(), fields.end(), field);
  if (found == fields.end()) return std::nullopt;
  return static_cast<uint64_t>(std::distance(fields.begin(), found));
}

uint64_t Dictionaries::add(Column column, std::string_view field) {
  std::vector<std::string>& fields = fields_[index_of(column)];
  fields.emplace_back(field);
  return fields.size() - 1;
}

std::string Dictionaries::serialize() const {
  std::string bytes;
  for (const std::vector<std::string>& fields : fields_) {
    append_varint(fields.size() - 1, bytes);
    for (size_t i = 1; i < fields.size(); ++i) {
      append_varint(fields[i].size(), bytes);
      bytes += fields[i];
    }
  }
  return bytes;
}

std::optional<Dictionaries> Dictionaries::parse(std::string_view bytes) {
  Dictionaries dictionaries;
  ByteReader reader(bytes);
  for (std::vector<std::string>& fields : dictionaries.fields_) {
    const std::optional<uint64_t> count = reader.varint();
    if (!count || *count > kSegmentRowsMax) return std::nullopt;
    for (uint64_t i = 0; i < *count; ++i) {
      const std::optional<uint64_t> size = reader.varint();
      const std::optional<std::string_view> field = size ? reader.take(*size) : std::nullopt;
      if (!field) return std::nullopt;
      fields.emplace_back(*field);
    }
  }
  if (!reader.is_empty()) return std::nullopt;
  return dictionaries;
}

uint64_t DictionaryBuilder::index_of_field(Column column, std::string_view field) {
  if (field.empty()) return 0;
  auto& indexes = indexes_[index_of(column)];
  const auto found = indexes.find(absl::string_view(field.data(), field.size()));
  if (found != indexes.end()) return found->second;
  const uint64_t index = dictionaries_.add(column, field);
  indexes.emplace(std::string(field), index);
  return index;
}

}  // namespace sluice::controlplane

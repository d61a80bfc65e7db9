// SPDX-License-Identifier: Apache-2.0
//
// What the indexes in a segment's columns stand for.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "controlplane/audit/segment/columns.h"

namespace sluice::controlplane {

// One dictionary per column of fields; index 0 is "none".
class Dictionaries {
 public:
  Dictionaries();

  // Shape: index < size(column).
  const std::string& field(Column column, uint64_t index) const noexcept {
    return fields_[index_of(column)][index];
  }
  size_t size(Column column) const noexcept { return fields_[index_of(column)].size(); }
  // Nullopt: no row has it.  Cost: looks at each.
  std::optional<uint64_t> find(Column column, std::string_view field) const;
  uint64_t add(Column column, std::string_view field);

  std::string serialize() const;
  // Nullopt: damaged.
  static std::optional<Dictionaries> parse(std::string_view bytes);

 private:
  std::array<std::vector<std::string>, kColumns> fields_;
};

// Finds or adds fields while records come in.
class DictionaryBuilder {
 public:
  uint64_t index_of_field(Column column, std::string_view field);
  const Dictionaries& dictionaries() const noexcept { return dictionaries_; }

 private:
  Dictionaries dictionaries_;
  std::array<absl::flat_hash_map<std::string, uint64_t>, kColumns> indexes_;
};

}  // namespace sluice::controlplane

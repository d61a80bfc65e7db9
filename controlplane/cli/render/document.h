// SPDX-License-Identifier: Apache-2.0
//
// What a command shows, as a tree that prints as JSON or YAML.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::controlplane::cli {

class Document {
 public:
  static Document text(std::string_view text);
  static Document boolean(bool value);
  static Document number(double value);
  static Document number(int32_t value);
  static Document number(uint32_t value);
  // 64-bit integers are quoted in JSON, as in protobuf JSON: many readers hold numbers as doubles.
  static Document number(int64_t value);
  static Document number(uint64_t value);
  static Document object();
  static Document list();

  Document& add(std::string_view name, Document value);  // to an object; keeps the order
  Document& append(Document value);                      // to a list

  std::string to_json() const;  // indented by two, ends in a newline
  std::string to_yaml() const;  // ends in a newline

 private:
  enum class Kind { kText, kNumber, kLongNumber, kObject, kList };
  explicit Document(Kind kind, std::string scalar = {}) : kind_(kind), scalar_(std::move(scalar)) {}

  bool is_scalar() const { return kind_ != Kind::kObject && kind_ != Kind::kList; }
  bool is_empty() const { return names_.empty() && values_.empty(); }
  void write_json(std::string& out, size_t depth) const;
  void write_yaml(std::string& out, size_t depth) const;
  void write_yaml_value(std::string& out) const;

  Kind kind_;
  std::string scalar_;
  std::vector<std::string> names_;  // of an object; names_[i] belongs to values_[i]
  std::vector<Document> values_;
};

}  // namespace sluice::controlplane::cli

// SPDX-License-Identifier: Apache-2.0
//
// Strict YAML into protobuf messages: the policy and both daemons' configuration files are read by
// this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/message.h"

namespace YAML {
class Node;
}

namespace sluice {

// What is wrong, or where something was written.
struct YamlProblem {
  uint32_t line = 0;    // from 1
  std::string path;     // "spec.health.interval", "ports[0].mtu"
  std::string message;  // what is wrong, and what would be right
};

struct YamlReader {
  std::vector<YamlProblem>* problems;  // appended to; required
  uint32_t first_line = 1;             // of the text that the node was loaded from, in its file
  // Values in one document, each use of an alias counted: a small text with aliases can mean a huge
  // message.
  size_t values_max = 2'000'000;
  // Called with the path and line of every field that was read; may be empty.
  std::function<void(const std::string& path, uint32_t line)> on_field;
};

// Reads a mapping into `message`. Fields are the proto's in snake_case (camelCase is a problem that
// suggests the right name); enum values are short and lower case ("ipip" for FORWARDING_IPIP);
// google.protobuf.Duration reads 1d2h3m4s with ms and us, Timestamp reads RFC 3339; integers are
// plain numbers in range, doubles finite ones; strings and map values are the text that was written
// (1.10 and no stay text). List elements with a `name` field get paths like "backends[v1-a]",
// others "ports[0]". Every problem is reported, reading goes on.
void read_message(const YAML::Node& node, const std::string& path,
                  google::protobuf::Message& message, const YamlReader& reader);

// One document as a whole. A syntax error, a second document and a document that is no mapping are
// problems too.
void read_document(const std::string& text, google::protobuf::Message& message,
                   const YamlReader& reader);

// "1d2h3m4s500ms200us" of nanoseconds, the form that `read_message` reads; "0s" for zero.
std::string format_duration(int64_t nanoseconds);

// What stands between the brackets of a list element's path: its name where that is one of the form
// that objects have and no earlier element (in `seen`, which is updated) has it, else its index.
std::string element_key(std::string_view name, size_t index, std::set<std::string>& seen);

// [a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?
bool is_object_name(std::string_view text);

}  // namespace sluice

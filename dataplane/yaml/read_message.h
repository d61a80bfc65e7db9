// SPDX-License-Identifier: Apache-2.0
//
// Strict YAML into protobuf messages: the policy and both daemons' configuration files are read by this.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
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
  // Called with the path and line of every field that was read; may be empty.
  std::function<void(const std::string& path, uint32_t line)> on_field;
};

// Reads a mapping into `message`. Fields are the proto's in snake_case (camelCase is a problem that suggests the right
// name); enum values are short and lower case ("ipip" for FORWARDING_IPIP); google.protobuf.Duration reads 1d2h3m4s
// with ms and us, Timestamp reads RFC 3339; integers are plain numbers in range; strings and map values are the text
// that was written (1.10 and no stay text). List elements with a `name` field get paths like "backends[v1-a]", others
// "ports[0]". Every problem is reported, reading goes on.
void read_message(const YAML::Node& node, const std::string& path, google::protobuf::Message& message,
                  const YamlReader& reader);

// One document as a whole. A syntax error, a second document and a document that is no mapping are problems too.
void read_document(const std::string& text, google::protobuf::Message& message, const YamlReader& reader);

// "1d2h3m4s500ms200us" of nanoseconds, the form that `read_message` reads; "0s" for zero.
std::string format_duration(int64_t nanoseconds);

}  // namespace sluice

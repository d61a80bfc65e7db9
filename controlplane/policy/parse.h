// SPDX-License-Identifier: Apache-2.0
//
// YAML text becomes the typed policy, or everything that is wrong with it.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>

#include "controlplane/policy/violation.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

struct SourceFile {
  std::string name;
  std::string text;
};

// Where each field of each object was written, by the path that violations use
// ("Pool/chat-v1-eu.spec.min_up").
class SourceMap {
 public:
  struct Location {
    std::string file;
    uint32_t line = 0;
  };
  void add(std::string path, Location location);
  // The location of `path`, else of its nearest enclosing path, else {"", 0}.
  Location find(std::string_view path) const;

 private:
  std::map<std::string, Location, std::less<>> locations_;
};

struct ParsedPolicy {
  v1::Policy policy;  // objects in the order they were written
  SourceMap source;
};

// Reads every document of every file. Generic over the proto: snake_case fields, short lower-case
// enum values, durations 1d2h3m4s500ms, RFC 3339 timestamps, label values as the text that was
// written. Appends to `violations`: syntax errors, unknown kinds and fields (with the nearest right
// name), wrong types, bad object names, a name twice. What could be read is returned all the same.
ParsedPolicy parse_policy(std::span<const SourceFile> files, Violations& violations);

// Files without a single object are a slip (a truncated file, a template that gave nothing), and as
// a whole policy they would delete everything: a violation, unless there are others already.
void require_objects(std::span<const SourceFile> files, const v1::Policy& policy,
                     Violations& violations);

}  // namespace sluice::controlplane

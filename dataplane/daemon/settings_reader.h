// SPDX-License-Identifier: Apache-2.0
//
// Fields of configuration messages into types, each problem with the line it stands on.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/port/port_set.h"
#include "dataplane/yaml/read_message.h"
#include "google/protobuf/duration.pb.h"

namespace sluice::dataplane {

// Where each field was written, and what is wrong with the fields.
class SettingsReader {
 public:
  explicit SettingsReader(std::vector<YamlProblem>& problems) : problems_(problems) {}

  void note(const std::string& path, uint32_t line) { lines_[path] = line; }
  // The line is the field's, or that of the nearest thing around it that was written.
  void problem(const std::string& path, const std::string& message);

  struct Range {
    uint32_t low;
    uint32_t high;
    uint32_t when_unset;
  };
  uint32_t number(const std::string& path, std::optional<uint32_t> value, Range range);

  struct DurationRange {
    std::chrono::nanoseconds low;
    std::chrono::nanoseconds high;
    std::chrono::nanoseconds when_unset;
  };
  // `value` is null when unset.
  std::chrono::nanoseconds duration(const std::string& path,
                                    const google::protobuf::Duration* value,
                                    const DurationRange& range);

  // The form of every name in Sluice.
  void check_name(const std::string& path, const std::string& name);
  std::optional<InterfaceAddress> interface_address(const std::string& path,
                                                    const std::string& text);
  std::optional<IpAddress> address(const std::string& path, const std::string& text);
  std::optional<std::array<uint8_t, 6>> mac(const std::string& path, const std::string& text);

 private:
  std::vector<YamlProblem>& problems_;
  std::map<std::string, uint32_t> lines_;
};

}  // namespace sluice::dataplane

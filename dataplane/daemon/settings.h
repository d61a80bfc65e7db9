// SPDX-License-Identifier: Apache-2.0
//
// The node's configuration as types: what is wrong cannot be represented here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/daemon/record_spool.h"
#include "dataplane/port/port_set.h"
#include "dataplane/rpc/endpoint.h"
#include "dataplane/runtime/runtime.h"
#include "dataplane/yaml/read_message.h"
#include "sluice/v1/config.pb.h"

namespace sluice::dataplane {

struct NodeSettings {
  std::string node;
  PortSetConfig ports;
  RuntimeConfig runtime;  // `ports` is filled once they are open
  std::string listen;
  std::string http;  // of /metrics; empty: off
  TlsFiles tls;
  std::string state_dir;
  SpoolLimits spool;
  v1::LogConfig log;  // level and format are never unspecified
};

// Reads and checks the text of a configuration file.
// Errors: nullopt with every problem appended, in the order of lines.
std::optional<NodeSettings> parse_settings(const std::string& text,
                                           std::vector<YamlProblem>& problems);

// Errors: INVALID_ARGUMENT, every problem as "file:line: field.path: what is wrong", one per line;
// NOT_FOUND when the file cannot be read.
absl::StatusOr<NodeSettings> load_settings(const std::string& path);

}  // namespace sluice::dataplane

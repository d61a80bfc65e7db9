// SPDX-License-Identifier: Apache-2.0
//
// The controller's configuration as types: what is wrong cannot be represented here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/fleet/node_session.h"
#include "dataplane/rpc/endpoint.h"
#include "dataplane/yaml/read_message.h"
#include "sluice/v1/config.pb.h"

namespace sluice::controlplane {

struct ControllerSettings {
  std::string listen;
  std::string http;  // of /metrics; empty: off
  TlsFiles tls;
  std::vector<NodeAddress> nodes;
  std::string store_path;
  std::string audit_directory;
  absl::Duration retention;
  absl::Duration checkpoint_interval;
  absl::Duration segment_interval;
  std::string signing_key;  // path; empty: no signed log
  v1::LogConfig log;
  std::vector<v1::RoleBinding> roles;  // empty: everybody who reaches `listen` is an admin
  std::vector<std::string> notices;    // what is configured and comes in a later version
};

// Reads and checks the text of a configuration file.
// Errors: nullopt with every problem appended.
std::optional<ControllerSettings> parse_settings(const std::string& text,
                                                 std::vector<YamlProblem>& problems);

// Errors: INVALID_ARGUMENT, every problem as "file:line: field.path: what is wrong", one per line;
// NOT_FOUND when the file cannot be read.
absl::StatusOr<ControllerSettings> load_settings(const std::string& path);

}  // namespace sluice::controlplane

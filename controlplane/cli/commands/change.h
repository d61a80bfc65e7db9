// SPDX-License-Identifier: Apache-2.0
//
// The change that apply, plan and diff describe with the same options.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/cli/verbs.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane::cli {

struct ChangeOptions {
  std::vector<std::string> files;
  bool prune = false;
  std::optional<uint64_t> base;
};

void add_files(CLI::App& verb, std::vector<std::string>& files);
void add_change(CLI::App& verb, ChangeOptions& options);
// Reads the files. A failure is said on the session's `err`.
ExitCode read_change(Session& session, const ChangeOptions& options, v1::Change& change);
ExitCode read_files(Session& session, const std::vector<std::string>& names,
                    std::vector<v1::PolicyFile>& files);
// Shows the result of apply, delete and rollback in `format`.
void show_applied(Session& session, Format format, const v1::ApplyResponse& response);

}  // namespace sluice::controlplane::cli

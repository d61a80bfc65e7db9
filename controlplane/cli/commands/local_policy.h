// SPDX-License-Identifier: Apache-2.0
//
// Policies checked and compiled on this machine.
#pragma once

#include <string>
#include <vector>

#include "controlplane/cli/verbs.h"
#include "controlplane/planner/compile.h"
#include "controlplane/policy/client_sets.h"
#include "controlplane/policy/parse.h"

namespace sluice::controlplane::cli {

struct LocalPolicy {
  ParsedPolicy parsed;
  ClientSets clients;
};

// Reads and validates `files` as a whole policy. Everything wrong with it is said on `err`.
ExitCode load_policy(Session& session, const std::vector<std::string>& files, LocalPolicy& policy);

// The policy that is in force at the controller.
ExitCode fetch_policy(Session& session, LocalPolicy& policy);

// Reads, validates and compiles `files` as a whole policy. Everything wrong with it and every
// warning is said on `err`.
ExitCode compile_files(Session& session, const std::vector<std::string>& files,
                       const TableHeader& header, v1::ForwardingTable& table);

}  // namespace sluice::controlplane::cli

// SPDX-License-Identifier: Apache-2.0
//
// One run of sluice-dataplane: the order in which its parts start, and stop.
#pragma once

#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/daemon/settings.h"
#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

// Starts the node, runs it until SIGTERM or SIGINT, stops it.  Thread: main, before any other is
// started. Errors: one line that says what is wrong and what to do; nothing is left running.
absl::Status run_node(const NodeSettings& settings, std::optional<v1::ForwardingTable> table);

}  // namespace sluice::dataplane

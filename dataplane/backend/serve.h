// SPDX-License-Identifier: Apache-2.0
//
// What sluice-backend does between attaching and detaching: follows the interface's addresses until
// told to stop.
#pragma once

#include <chrono>

#include "absl/status/status.h"
#include "dataplane/backend/decapsulation.h"

namespace sluice::dataplane {

// From here on SIGTERM and SIGINT do not end the process but arrive at the descriptor.
OwnedFd catch_stop_signals();

// Returns when a signal arrives at `stop`. Prints the counters every `interval`; 0: never.
absl::Status serve(Decapsulation& decapsulation, const OwnedFd& stop,
                   std::chrono::seconds interval);

// One line per counter, "NAME packets N bytes N", on standard output.
void print_counts(const DecapCounts& counts);

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// The log of both daemons: structured lines on stderr.
#pragma once

#include "sluice/v1/config.pb.h"

namespace sluice {

// Sets up spdlog's default logger, with gRPC's own lines in it.  Thread: main, before any other.
void open_log(const v1::LogConfig& config);

}  // namespace sluice

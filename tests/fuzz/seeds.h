// SPDX-License-Identifier: Apache-2.0
//
// What a fuzz target gives to the driver beside `LLVMFuzzerTestOneInput`: inputs to start from.
#pragma once

#include <string>
#include <vector>

namespace sluice::fuzz {

// Defined once by each target; may be empty when the seeds are files named on the command line.
std::vector<std::string> seeds();

}  // namespace sluice::fuzz

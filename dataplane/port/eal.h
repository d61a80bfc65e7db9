// SPDX-License-Identifier: Apache-2.0
//
// Starting DPDK's environment with errors that a user can act on.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace sluice::dataplane {

// What EAL would fail at with an unclear message: hugepages.
// Errors: FAILED_PRECONDITION.
absl::Status check_memory(const std::vector<std::string>& eal);

// Calls rte_eal_init, which DPDK allows once per process.
// Errors: INVALID_ARGUMENT (what EAL said, in one line; no worker lcore), PERMISSION_DENIED,
// FAILED_PRECONDITION.
absl::Status start_eal(const std::vector<std::string>& arguments);

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Whether a policy lets a client reach a server: by the words of the policy alone, without a line
// of the planner, the table or the packet path.
#pragma once

#include <string>

#include "sluice/v1/policy.pb.h"

namespace sluice::testing {

// The backend of this address, by whichever pools of routes to the service have it, as seen by
// every enforcing guardrail that matches client and service.
// Shape: textual addresses; a backend's address is in one pool only.
// Errors: an empty string, else why not.
std::string forbids(const v1::Policy& policy, const std::string& client,
                    const std::string& service_address, const std::string& backend_address);

}  // namespace sluice::testing

// SPDX-License-Identifier: Apache-2.0
//
// Which pools the flows of a service can be in.
#pragma once

#include <map>
#include <set>
#include <string>

#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

using PoolNames = std::set<std::string>;

// By service: every pool that a route of it names, or a rollout of such a route as its candidate,
// whatever the weight and the clients.
std::map<std::string, PoolNames> pools_by_service(const v1::Policy& policy);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Forbidden pools compiled out of a route.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// The route as "ROUTE/without/POOL+POOL", which no policy can name: without the pools in its split,
// fallback and rollouts, and with its seed, so that all other clients stay where they are. When no
// weight is left in the split, the first fallback pool that is left takes it. Errors: nullopt when
// no pool is left to go to.
std::optional<v1::RouteEntry> without_pools(const v1::RouteEntry& route,
                                            const std::set<std::string>& pools);

// Whether the entry is the policy's route, or that without some pools.
bool stems_from(const v1::RouteEntry& entry, std::string_view route);

}  // namespace sluice::controlplane

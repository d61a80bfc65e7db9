// SPDX-License-Identifier: Apache-2.0
//
// Which pools the flows of a service can be in.
#include "controlplane/policy/service_pools.h"

#include <string_view>
#include <unordered_map>

namespace sluice::controlplane {

std::map<std::string, PoolNames> pools_by_service(const v1::Policy& policy) {
  std::map<std::string, PoolNames> pools;
  std::unordered_map<std::string_view, std::string_view> service_of;  // by route
  for (const v1::Route& route : policy.routes()) {
    service_of.emplace(route.metadata().name(), route.spec().service());
    PoolNames& here = pools[route.spec().service()];
    for (const v1::SplitEntry& entry : route.spec().split())
      here.insert(entry.pool());
    here.insert(route.spec().fallback().begin(), route.spec().fallback().end());
  }
  for (const v1::Rollout& rollout : policy.rollouts()) {
    const auto service = service_of.find(rollout.spec().route());
    if (service != service_of.end())
      pools[std::string(service->second)].insert(rollout.spec().candidate());
  }
  return pools;
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What is allowed in a policy and probably not meant.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>

#include "controlplane/planner/eligibility.h"
#include "controlplane/policy/client_sets.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/route_choice.h"
#include "controlplane/policy/service_pools.h"
#include "controlplane/policy/violation.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

struct CompiledParts {
  const v1::Policy& policy;
  std::span<const ClientSet> sets;
  const RouteChoice& routes;
  const Eligibility& eligibility;
  const std::map<std::string, PoolNames>& pools_of;  // by service
  std::optional<int64_t> now_unix_s;                 // unset: nothing is said about ends
};

Violations find_warnings(const CompiledParts& parts, const SourceMap& source);

// Those about what guardrails, caps and ends of pools mean together.
void find_governance_warnings(const CompiledParts& parts, const SourceMap& source,
                              Violations& warnings);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What is allowed in a policy and probably not meant.
#pragma once

#include <span>

#include "controlplane/planner/eligibility.h"
#include "controlplane/policy/client_sets.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/route_choice.h"
#include "controlplane/policy/violation.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

struct CompiledParts {
  const v1::Policy& policy;
  std::span<const ClientSet> sets;
  const RouteChoice& routes;
  const Eligibility& eligibility;
};

Violations find_warnings(const CompiledParts& parts, const SourceMap& source);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// (running, desired) -> plan: what changes, whom it moves, which table results.
#pragma once

#include <vector>

#include "controlplane/planner/compile.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

struct Running {
  v1::Policy policy;          // empty when there is none yet
  v1::ForwardingTable table;  // generation 0 when there is none yet
};

struct Plan {
  v1::Policy policy;  // the whole result
  v1::ForwardingTable table;
  std::vector<v1::ObjectDiff> diff;     // empty: nothing changes
  std::vector<v1::ShareChange> shares;  // exact, by split buckets
  Violations refusals;
  Violations warnings;
};

// Pure. `desired` passed `validate_policy`; `header.eligibility_epoch` is the running one and is
// raised when needed.
Plan make_plan(const Running& running, const v1::Policy& desired, const SourceMap& source,
               TableHeader header);

}  // namespace sluice::controlplane

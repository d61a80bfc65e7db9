// SPDX-License-Identifier: Apache-2.0
//
// (running, desired) -> plan: what changes, whom it moves, which table results.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "controlplane/planner/compile.h"
#include "controlplane/planner/governed.h"
#include "controlplane/policy/change.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

struct Running {
  const v1::Policy& policy;          // empty when there is none yet
  const v1::ForwardingTable& table;  // generation 0 when there is none yet
};

struct Desired {
  const v1::Policy& policy;  // passed `validate_policy`
  const ClientSets& clients;
  const SourceMap& source;
  const ObjectNames& touched;  // objects that may differ from the running ones
};

struct Plan {
  std::shared_ptr<v1::ForwardingTable> table;  // never null
  std::vector<v1::ObjectDiff> diff;            // empty: nothing changes
  std::vector<v1::ShareChange> shares;         // exact, by split buckets and rollouts
  std::vector<v1::MovedClients> moved;         // as `moved_clients` says
  std::vector<std::string> emptied_pools;
  std::vector<v1::GuardrailTouch> guardrails;  // that the change touches
  uint32_t approvals = 0;                      // the most of any of them
  std::vector<GovernedEdit> governed;          // what of the change only an officer may write
  std::vector<v1::Strike> struck;
  std::string digest;  // of exactly this change on this base; 32 bytes
  Violations refusals;
  Violations warnings;
};

// Pure. `header.eligibility_epoch` is the running one and is raised when needed. When there are
// refusals, nothing is said about shares and moved clients.
Plan make_plan(const Running& running, const Desired& desired, const TableHeader& header,
               const CompileOptions& options = {});

}  // namespace sluice::controlplane

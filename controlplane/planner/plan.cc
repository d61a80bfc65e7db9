// SPDX-License-Identifier: Apache-2.0
//
// (running, desired) -> plan.
#include "controlplane/planner/plan.h"

#include <utility>

#include "controlplane/planner/diff.h"
#include "controlplane/planner/shares.h"

namespace sluice::controlplane {

Plan make_plan(const Running& running, const Desired& desired, const TableHeader& header) {
  CompileResult compiled = compile_policy(desired.policy, desired.clients, desired.source, header);
  const bool is_first = running.table.generation() == 0;
  if (!is_first && !same_eligibility(running.table, *compiled.table)) {
    compiled.table->set_eligibility_epoch(header.eligibility_epoch + 1);
  }
  Plan plan;
  plan.diff = diff_policies(running.policy, desired.policy, desired.touched);
  if (compiled.refusals.empty()) plan.shares = share_changes(running.table, *compiled.table);
  plan.table = std::move(compiled.table);
  plan.refusals = std::move(compiled.refusals);
  plan.warnings = std::move(compiled.warnings);
  return plan;
}

}  // namespace sluice::controlplane

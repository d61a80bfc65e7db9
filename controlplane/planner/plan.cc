// SPDX-License-Identifier: Apache-2.0
//
// (running, desired) -> plan.
#include "controlplane/planner/plan.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "controlplane/planner/class_pairs.h"
#include "controlplane/planner/diff.h"
#include "controlplane/planner/digest.h"
#include "controlplane/planner/moved.h"
#include "controlplane/planner/shares.h"
#include "controlplane/planner/touches.h"

namespace sluice::controlplane {
namespace {

// The running policy's sets: the desired ones, unless a class may have changed.
class RunningSets {
 public:
  RunningSets(const Running& running, const Desired& desired) : desired_(desired.clients) {
    if (desired.touched.contains("ClientClass")) own_ = client_sets(running.policy);
  }
  const ClientSets& get() const { return own_ ? *own_ : desired_; }
  std::vector<ClassPair> pairs() const {
    return own_ ? class_pairs(*own_, desired_) : same_pairs(desired_);
  }

 private:
  const ClientSets& desired_;
  std::optional<ClientSets> own_;
};

std::vector<ClassShare> to_shares(const std::vector<ClassPair>& pairs, const ClientSets& before,
                                  const ClientSets& after) {
  std::vector<ClassShare> shares;
  for (const ClassPair& pair : pairs)
    shares.push_back({before.sets[pair.before].name, after.sets[pair.after].name, pair.prefixes});
  return shares;
}

}  // namespace

Plan make_plan(const Running& running, const Desired& desired, const TableHeader& header,
               const CompileOptions& options) {
  CompileResult compiled =
      compile_policy(desired.policy, desired.clients, desired.source, header, options);
  const bool is_first = running.table.generation() == 0;
  if (!is_first && !same_eligibility(running.table, *compiled.table)) {
    compiled.table->set_eligibility_epoch(header.eligibility_epoch + 1);
  }
  const RunningSets sets(running, desired);
  const std::vector<ClassPair> pairs = sets.pairs();
  Plan plan;
  plan.diff = diff_policies(running.policy, desired.policy, desired.touched);
  if (compiled.refusals.empty()) {
    plan.shares = share_changes(running.table, *compiled.table);
    plan.moved = moved_clients(running.table, *compiled.table,
                               to_shares(pairs, sets.get(), desired.clients));
    plan.emptied_pools = emptied_pools(running.table, *compiled.table);
  }
  plan.guardrails = find_touches({running.policy, sets.get()}, {desired.policy, desired.clients},
                                 desired.touched, pairs);
  for (const v1::GuardrailTouch& touch : plan.guardrails)
    plan.approvals = std::max(plan.approvals, touch.approvals());
  plan.governed = governed_edits(running.policy, desired.policy, desired.touched);
  plan.digest =
      plan_digest(running.table.revision(), desired.policy, desired.touched, options.forbidden);
  plan.struck = std::move(compiled.struck);
  plan.table = std::move(compiled.table);
  plan.refusals = std::move(compiled.refusals);
  plan.warnings = std::move(compiled.warnings);
  return plan;
}

}  // namespace sluice::controlplane

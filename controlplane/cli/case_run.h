// SPDX-License-Identifier: Apache-2.0
//
// What the packet path does with the flow of a case, without any node.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/policy/client_sets.h"
#include "controlplane/policy/parse.h"
#include "dataplane/table/registry.h"
#include "dataplane/table/table.h"
#include "sluice/v1/cases.pb.h"
#include "sluice/v1/dataplane.pb.h"

namespace sluice::controlplane::cli {

// Whether its `from` can be read.
bool names_client(const v1::TestCase& test);
// Errors: INVALID_ARGUMENT, saying what would be right: of `from`, if that can be read of `to`.
absl::StatusOr<v1::ExplainRequest> to_request(const v1::TestCase& test);

struct CaseOutcome {
  bool passed = false;
  std::string expected;  // "pool chat-v1-eu", "no route"
  std::string happened;  // "backend v2-a of pool chat-v2-eu", "no pool"
  v1::ExplainResponse explanation;
};

// Compiles the policy once for each set of rollout weights that cases ask for, builds the table as
// nodes do, and steers with it. Refers to its arguments, which outlive it.
class CaseRun {
 public:
  CaseRun(const ParsedPolicy& policy, const ClientSets& clients, absl::Time now)
      : policy_(policy), clients_(clients), now_(now) {}

  // Shape: the case passed `read_cases`.  Errors: FAILED_PRECONDITION (a guardrail refuses the
  // policy with these rollouts), INVALID_ARGUMENT (a node would refuse the table, or no client can
  // have the address).
  absl::StatusOr<CaseOutcome> run(const v1::TestCase& test);

 private:
  struct Built {
    dataplane::Registry registry;
    std::shared_ptr<const dataplane::Table> table;
  };
  using Weights = std::map<std::string, uint32_t>;
  absl::StatusOr<std::shared_ptr<const dataplane::Table>> table_at(const Weights& weights);

  const ParsedPolicy& policy_;
  const ClientSets& clients_;
  const absl::Time now_;
  std::map<Weights, std::unique_ptr<Built>> tables_;
};

}  // namespace sluice::controlplane::cli

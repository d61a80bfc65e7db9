// SPDX-License-Identifier: Apache-2.0
//
// A valid policy becomes the forwarding table, with the guardrail proof.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/policy/client_sets.h"
#include "controlplane/policy/parse.h"
#include "controlplane/policy/violation.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// What the table carries beside the policy.
struct TableHeader {
  uint64_t generation = 1;
  uint64_t revision = 1;
  uint64_t term = 0;
  uint64_t eligibility_epoch = 1;
  std::string steering_key;  // 16 bytes
  std::vector<v1::Override> overrides;
  std::vector<v1::RolloutStatus> rollouts;  // those of no rollout of the policy mean nothing
};

// What becomes of a pool that a route names and an enforcing guardrail forbids.
enum class Forbidden { kRefuse, kStrike };

struct CompileOptions {
  Forbidden forbidden = Forbidden::kRefuse;
  std::optional<int64_t> now_unix_s;  // unset: nothing is said about pools that end
};

// The key that `sluice compile` uses when none is given. Documented and therefore not secret.
std::string test_steering_key();

struct CompileResult {
  std::shared_ptr<v1::ForwardingTable> table;  // never null
  Violations refusals;  // guardrails: one per (service, class, route, pool, guardrail) that leaks
  Violations warnings;  // selectors that match nothing, classes with no eligible pool, slots < 100
                        // x backends, what monitoring guardrails would refuse …
  std::vector<v1::Strike> struck;  // under `kStrike`: what is compiled out instead of refused
};

// Pure. `policy` passed `validate_policy`, `clients` are its. The table is canonical; it is
// meaningless when there are refusals. A route with struck pools is compiled once more for the
// classes that may not reach them, as "ROUTE/without/POOL+POOL".
CompileResult compile_policy(const v1::Policy& policy, const ClientSets& clients,
                             const SourceMap& source, const TableHeader& header,
                             const CompileOptions& options = {});

// Whether the two canonical tables agree in everything that eligibility rests on (classes,
// services' addresses, routes, labels, guardrails' effect, evicted pools).
bool same_eligibility(const v1::ForwardingTable& a, const v1::ForwardingTable& b);

}  // namespace sluice::controlplane

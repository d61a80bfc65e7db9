// SPDX-License-Identifier: Apache-2.0
//
// What is allowed in a policy and probably not meant: one row per warning.
#include "controlplane/planner/compile.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/policy_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;

// Lines 1 to 3: a service, its pool and its route.
constexpr const char* kBase =
    R"({kind: Service, metadata: {name: s}, spec: {addresses: [203.0.113.1], ports: [tcp/80]}}
--- {kind: Pool, metadata: {name: p}, spec: {backends: [{name: b, address: 10.0.0.1}]}}
--- {kind: Route, metadata: {name: r}, spec: {service: s, split: [{pool: p, weight: 1}]}}
)";

struct Row {
  std::string object;  // line 4
  std::string warning;
};

TEST(Warnings, NameWhatIsProbablyNotMeant) {
  const std::vector<Row> rows = {
      {"{kind: ClientClass, metadata: {name: c}}",
       "p.yaml:4: ClientClass/c: has no prefixes: no client is in it"},
      {"{kind: Pool, metadata: {name: q}}",
       "p.yaml:4: Pool/q.spec.backends: has no backends: the pool never serves"},
      {"{kind: Pool, metadata: {name: q}, spec: {backends: [{name: b, address: 10.0.0.2, weight: "
       "0}]}}",
       "p.yaml:4: Pool/q.spec.backends: no backend has a weight above 0: the pool takes no new "
       "flows"},
      {"{kind: Pool, metadata: {name: q}, spec: {min_up: 2, backends: [{name: b, address: "
       "10.0.0.2}]}}",
       "p.yaml:4: Pool/q.spec.min_up: 2 of 1 backends must be up: the pool never serves"},
      {"{kind: Pool, metadata: {name: q}, spec: {table_slots: 97, backends: [{name: b, address: "
       "10.0.0.2}]}}",
       "p.yaml:4: Pool/q.spec.table_slots: 97 slots for 1 backends: shares are coarse below 100 "
       "slots each"},
      {"{kind: Service, metadata: {name: t}, spec: {addresses: [203.0.113.2], ports: [tcp/80]}}",
       "p.yaml:4: Service/t: no route steers any client to it: all are rejected"},
      {"{kind: Route, metadata: {name: x}, spec: {service: s, clients: {match_labels: {a: b}}, "
       "split: [{pool: p, weight: 1}]}}",
       "p.yaml:4: Route/x.spec.clients: matches no client class"},
      {"{kind: Route, metadata: {name: x}, spec: {service: s, dscp: [46], on_degraded: {action: "
       "fallback, slower_by: 100}, split: [{pool: p, weight: 1}]}}",
       "p.yaml:4: Route/x.spec.on_degraded: has no effect: the route names no fallback"},
      {"{kind: Guardrail, metadata: {name: g}, spec: {services: {match_labels: {a: b}}, "
       "require: {match_labels: {a: b}}}}",
       "p.yaml:4: Guardrail/g.spec.services: matches no service"},
      {"{kind: Guardrail, metadata: {name: g}, spec: {clients: {match_labels: {a: b}}, "
       "require: {match_labels: {a: b}}}}",
       "p.yaml:4: Guardrail/g.spec.clients: matches no client class"},
      {"{kind: Guardrail, metadata: {name: g}}",
       "p.yaml:4: Guardrail/g.spec.require: requires nothing"},
  };
  for (const Row& row : rows) {
    Violations violations;
    const ParsedPolicy parsed =
        parse_text(std::string(kBase) + "--- " + row.object + "\n", violations);
    validate_policy(parsed.policy, client_sets(parsed.policy), parsed.source, violations);
    EXPECT_THAT(to_strings(violations), testing::IsEmpty()) << row.object;

    const CompileResult result =
        compile_policy(parsed.policy, client_sets(parsed.policy), parsed.source, {});

    EXPECT_THAT(to_strings(result.warnings), ElementsAre(row.warning)) << row.object;
    EXPECT_THAT(result.refusals, testing::IsEmpty());
  }
}

TEST(Warnings, NameClientsWithoutARoute) {
  std::string text = kBase;
  text.replace(text.find("{service: s"), 11, "{service: s, clients: {match_labels: {region: eu}}");
  for (int i = 0; i < 8; ++i) {
    const std::string digit = std::to_string(i);
    text += "--- {kind: ClientClass, metadata: {name: c" + digit +
            ", labels: {region: " + (i == 0 ? "eu" : "us") + "}}, spec: {prefixes: [10." + digit +
            ".0.0/16]}}\n";
  }
  Violations violations;
  const ParsedPolicy parsed = parse_text(text, violations);

  EXPECT_THAT(
      to_strings(
          compile_policy(parsed.policy, client_sets(parsed.policy), parsed.source, {}).warnings),
      ElementsAre("p.yaml:1: Service/s: clients of class c1, c2, c3, c4, c5 and 3 more "
                  "match no route: they "
                  "are rejected"));
}

}  // namespace
}  // namespace sluice::controlplane

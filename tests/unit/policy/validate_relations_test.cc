// SPDX-License-Identifier: Apache-2.0
//
// Whether the objects of a policy fit each other: one row per violation.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/policy_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Object {
  std::string kind;
  std::string name;
  std::string rest;  // of the document, in flow style
};

// One object per line, so that lines in expectations are positions, from 1.
std::string policy_of(const std::vector<Object>& objects) {
  std::string text;
  for (const Object& object : objects) {
    text += "--- {kind: " + object.kind + ", metadata: {name: " + object.name +
            "}, spec: " + object.rest + "}\n";
  }
  return text;
}

Object pool(const std::string& name, const std::string& address) {
  return {"Pool", name, "{backends: [{name: b, address: " + address + "}]}"};
}

Object service(const std::string& name, const std::string& address, const std::string& ports) {
  return {"Service", name, "{addresses: [" + address + "], ports: [" + ports + "]}"};
}

Object route(const std::string& name, const std::string& rest) {
  return {"Route", name, "{service: s, " + rest + "}"};
}

// A service with two pools: lines 1 to 3.
const std::vector<Object> kBase = {service("s", "203.0.113.1", "tcp/80"), pool("p", "10.0.0.1"),
                                   pool("q", "10.0.0.2")};

std::vector<std::string> violations_with(std::vector<Object> more) {
  more.insert(more.begin(), kBase.begin(), kBase.end());
  return violations_of(policy_of(more));
}

TEST(ValidateRelations, AcceptsTheBase) {
  EXPECT_THAT(violations_with({route(
                  "r", "split: [{pool: p, weight: 1}, {pool: q, weight: 0}], fallback: [q, p]")}),
              IsEmpty());
}

TEST(ValidateRelations, FindsAPrefixInTwoClasses) {
  EXPECT_THAT(
      violations_of(policy_of({{"ClientClass", "a", "{prefixes: [10.0.0.0/8, 192.0.2.0/24]}"},
                               {"ClientClass", "b", "{prefixes: [10.0.0.0/9, 192.0.2.0/24]}"}})),
      ElementsAre("p.yaml:2: ClientClass/b.spec.prefixes[1]: 192.0.2.0/24 stands at "
                  "ClientClass/a.spec.prefixes[1] (p.yaml:1) already"));
}

TEST(ValidateRelations, RefusesPrefixesOfUnknown) {
  EXPECT_THAT(violations_of(policy_of({{"ClientClass", "unknown", "{prefixes: [10.0.0.0/8]}"}})),
              ElementsAre("p.yaml:1: ClientClass/unknown.spec.prefixes: unknown is the class of "
                          "clients of no other "
                          "class: it has no prefixes"));
}

TEST(ValidateRelations, FindsAddressAndPortInTwoServices) {
  EXPECT_THAT(violations_with({service("t", "203.0.113.1", "udp/80, tcp/80")}),
              ElementsAre("p.yaml:4: Service/t.spec.ports[1]: tcp/80 of 203.0.113.1 belongs to "
                          "Service/s (p.yaml:1) "
                          "already"));
  EXPECT_THAT(
      violations_with({service("t", "203.0.113.1", "tcp/0")}),
      ElementsAre(
          "p.yaml:4: Service/t.spec.ports[0]: tcp/0 of 203.0.113.1 belongs to Service/s (p.yaml:1) "
          "already"));
  EXPECT_THAT(violations_with({service("t", "203.0.113.1", "tcp/81, udp/0"),
                               service("u", "203.0.113.2", "tcp/0")}),
              IsEmpty());
}

TEST(ValidateRelations, RefusesABackendAtAServiceAddress) {
  EXPECT_THAT(
      violations_with({pool("loop", "203.0.113.1")}),
      ElementsAre(
          "p.yaml:4: Pool/loop.spec.backends[b].address: 203.0.113.1 is the address of Service/s "
          "(p.yaml:1): packets would come back for ever"));
}

TEST(ValidateRelations, FindsABackendTwiceInAServicesPools) {
  EXPECT_THAT(
      violations_with(
          {pool("z", "10.0.0.1"), route("r", "split: [{pool: p, weight: 1}], fallback: [z]")}),
      ElementsAre("p.yaml:4: Pool/z.spec.backends[b].address: 10.0.0.1 is also the address of "
                  "Pool/p.spec.backends[b] (p.yaml:2), and service s uses both pools"));
  EXPECT_THAT(violations_with({pool("z", "10.0.0.1"), route("r", "split: [{pool: p, weight: 1}]")}),
              IsEmpty());
}

struct Row {
  std::string spec;
  std::string violation;
};

TEST(ValidateRelations, ChecksRoutes) {
  const std::vector<Row> rows = {
      {"{split: [{pool: p, weight: 1}]}", ".service: is required: the name of a Service"},
      {"{service: ss, split: [{pool: p, weight: 1}]}",
       ".service: no Service is named \"ss\"; did you mean s?"},
      {"{service: s}", ".split: needs at least one pool"},
      {"{service: s, split: [{weight: 1}]}", ".split[0].pool: is required: the name of a Pool"},
      {"{service: s, split: [{pool: nowhere, weight: 1}]}",
       ".split[0].pool: no Pool is named \"nowhere\""},
      {"{service: s, split: [{pool: p}]}", ".split[0].weight: is required"},
      {"{service: s, split: [{pool: p, weight: 1000001}]}",
       ".split[0].weight: must be in 0..1000000, not 1000001"},
      {"{service: s, split: [{pool: p, weight: 0}]}", ".split: needs at least one weight above 0"},
      {"{service: s, split: [{pool: p, weight: 1}, {pool: p, weight: 2}]}",
       ".split[1].pool: \"p\" stands here twice"},
      {"{service: s, split: [{pool: p, weight: 1}], fallback: [qq]}",
       ".fallback[0]: no Pool is named \"qq\"; did you mean q?"},
      {"{service: s, split: [{pool: p, weight: 1}], fallback: [q, q]}",
       ".fallback[1]: \"q\" stands here twice"},
      {"{service: s, split: [{pool: p, weight: 1}], split_seed: " + std::string(256, 'x') + "}",
       ".split_seed: at most 255 bytes, not 256"},
      {"{service: s, split: [{pool: p, weight: 1}], clients: {match_expressions: [{key: a, "
       "operator: In}]}}",
       ".clients.match_expressions[0].values: In and NotIn need at least one value"},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(violations_with({{"Route", "r", row.spec}}),
                ElementsAre("p.yaml:4: Route/r.spec" + row.violation))
        << row.spec;
  }
}

TEST(ValidateRelations, RefusesRoutesThatAreEquallyGood) {
  const std::string split = "split: [{pool: p, weight: 1}]";
  EXPECT_THAT(
      violations_with({route("a", split), route("b", split + ", clients: {}")}),
      ElementsAre("p.yaml:5: Route/b.spec.clients: clients of class unknown of service s also "
                  "match Route/a "
                  "(p.yaml:4) at the same priority 0; give one of the two a higher priority"));
  EXPECT_THAT(violations_with({route("a", split), route("b", split + ", priority: 1")}), IsEmpty());
}

TEST(ValidateRelations, ChecksConditionsOfRoutes) {
  const std::vector<Row> rows = {
      {"dscp: [64]", ".dscp[0]: must be in 0..63, not 64"},
      {"dscp: [46, 10, 46]", ".dscp[2]: 46 stands here twice"},
      {"times: [{to: 18:00}]",
       ".times[0].from: is required: a time of the day in UTC, such as "
       "08:00"},
      {"times: [{from: 08:00, to: 18:00}, {from: 08:00, to: 24:01}]",
       ".times[1].to: \"24:01\" is no time of the day; write it like 08:00, at most 24:00"},
      {"times: [{from: 8:00, to: 18:00}]",
       ".times[0].from: \"8:00\" is no time of the day; write it like 08:00, at most 24:00"},
      {"times: [{from: 24:00, to: 18:00}]",
       ".times[0].from: no day has a minute that begins at 24:00; write 00:00"},
      {"times: [{days: [mon, mon], from: 08:00, to: 18:00}]",
       ".times[0].days[1]: stands here "
       "twice"},
      {"on_degraded: {slower_by: 100}", ".on_degraded.action: is required: fallback"},
      {"on_degraded: {action: fallback}",
       ".on_degraded: needs a bound: handshake_loss, slower_by, response_slower_by"},
      {"on_degraded: {action: fallback, slower_by: 0}",
       ".on_degraded.slower_by: must be in 1..10000, not 0"},
      {"on_degraded: {action: fallback, response_slower_by: 10001}",
       ".on_degraded.response_slower_by: must be in 1..10000, not 10001"},
      {"on_degraded: {action: fallback, handshake_loss: 1000001}",
       ".on_degraded.handshake_loss: must be in 1..1000000, not 1000001"},
      {"on_degraded: {action: fallback, slower_by: 50, window: 4s}",
       ".on_degraded.window: must be in 5s..10m, not 4s"},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(violations_with({route("r", "split: [{pool: p, weight: 1}], " + row.spec)}),
                ElementsAre("p.yaml:4: Route/r.spec" + row.violation))
        << row.spec;
  }
}

TEST(ValidateRelations, LetsRoutesShareARankWhenNoFlowMatchesBoth) {
  const std::string split = "split: [{pool: p, weight: 1}]";
  const auto with = [&](const std::string& a, const std::string& b) {
    return violations_with({route("a", split + a), route("b", split + b), route("c", split)});
  };
  const std::string both =
      "p.yaml:5: Route/b.spec.clients: flows of class unknown of service s also match Route/a "
      "(p.yaml:4) at the same priority 0; give one of the two a higher priority";

  EXPECT_THAT(with(", dscp: [10, 46]", ", dscp: [12]"), IsEmpty());
  EXPECT_THAT(with(", dscp: [10, 46]", ", dscp: [12, 46]"), ElementsAre(both));
  EXPECT_THAT(with(", dscp: [46]", ", times: [{from: 08:00, to: 18:00}]"), ElementsAre(both));
  EXPECT_THAT(with(", times: [{from: 18:00, to: 08:00}]", ", times: [{from: 08:00, to: 18:00}]"),
              IsEmpty());
  EXPECT_THAT(with(", times: [{from: 18:00, to: 08:01}]", ", times: [{from: 08:00, to: 18:00}]"),
              ElementsAre(both));
  EXPECT_THAT(with(", dscp: [46]", ", dscp: [46], priority: 1"), IsEmpty());
}

TEST(ValidateRelations, FindsABackendTwiceInARolloutsCandidate) {
  EXPECT_THAT(violations_with({pool("z", "10.0.0.1"),
                               route("r", "split: [{pool: p, weight: 1}]"),
                               {"Rollout", "x",
                                "{route: r, stable: p, candidate: z, "
                                "steps: [{weight: 1}]}"}}),
              ElementsAre("p.yaml:4: Pool/z.spec.backends[b].address: 10.0.0.1 is also the address "
                          "of Pool/p.spec.backends[b] (p.yaml:2), and service s uses both pools"));
}

TEST(ValidateRelations, ComparesSelectorsByTheClientsThereAre) {
  const std::string labels =
      "{kind: ClientClass, metadata: {name: eu, labels: {region: eu, tenant: acme}}, "
      "spec: {prefixes: [10.0.0.0/8]}}\n";
  const std::string base = policy_of(kBase) + "--- " + labels;
  const auto with = [](const std::string& key, const std::string& value,
                       const std::string& priority) {
    return route(key, "split: [{pool: p, weight: 1}], priority: " + priority +
                          ", clients: {match_labels: {" + key + ": " + value + "}}");
  };

  EXPECT_THAT(
      violations_of(base + policy_of({with("region", "eu", "0"), with("tenant", "acme", "0")})),
      ElementsAre(
          "p.yaml:6: Route/tenant.spec.clients: clients of class eu of service s also match "
          "Route/region (p.yaml:5) at the same priority 0; give one of the two a higher priority"));
  EXPECT_THAT(
      violations_of(base + policy_of({with("region", "eu", "0"), with("tenant", "other", "0")})),
      IsEmpty());
  EXPECT_THAT(
      violations_of(base + policy_of({with("region", "eu", "0"), with("tenant", "acme", "0"),
                                      route("top", "split: [{pool: q, weight: 1}], priority: 9")})),
      IsEmpty());
}

TEST(ValidateRelations, LetsASelectorBeatTheRest) {
  const std::string split = "split: [{pool: p, weight: 1}]";
  EXPECT_THAT(violations_with({route("a", split),
                               route("b", split + ", clients: {match_expressions: [{key: region, "
                                                  "operator: DoesNotExist}]}")}),
              IsEmpty());
}

}  // namespace
}  // namespace sluice::controlplane

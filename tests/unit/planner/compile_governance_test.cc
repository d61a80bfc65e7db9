// SPDX-License-Identifier: Apache-2.0
//
// Conditions of routes, rollouts and audits of guardrails in the forwarding table.
#include "tests/unit/planner/compile_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string route(const std::string& name, const std::string& rest) {
  return governed_object("Route", name, "service: s, " + rest);
}

const std::string kRoute =
    governed_object("Route", "r", "service: s, split: [{pool: p-eu, weight: 1}]");
const std::string kRollout =
    governed_object("Rollout", "x",
                    "route: r, stable: p-eu, candidate: trial, steps: [{weight: 100000}], "
                    "analysis: {age: 2s}");

TEST(CompileConditions, TriesConditionalRoutesByRank) {
  const std::string eu = ", clients: {match_labels: {region: eu}}";
  const std::string split = "split: [{pool: p-eu, weight: 1}]";
  const CompileResult result =
      compile_governed(route("all", split) + route("dscp-b", split + ", dscp: [46, 10]") +
                       route("dscp-a", split + ", dscp: [12]") + route("eu", split + eu) +
                       route("eu-night", split + eu + ", times: [{from: 22:00, to: 06:00}]") +
                       route("high", split + ", priority: 5, dscp: [8]"));

  const v1::SteeringEntry& unknown = steering_of(*result.table, "unknown");
  EXPECT_THAT(unknown.conditional_routes(), ElementsAre("high", "dscp-a", "dscp-b"));
  EXPECT_EQ(unknown.route(), "all");
  // What stands behind a route without conditions is never asked.
  EXPECT_THAT(steering_of(*result.table, "eu").conditional_routes(),
              ElementsAre("high", "eu-night"));
  EXPECT_EQ(steering_of(*result.table, "eu").route(), "eu");
  EXPECT_THAT(route_named(*result.table, "dscp-b").dscp(), ElementsAre(10, 46));
}

TEST(CompileConditions, WritesTimesAndDefaultsOut) {
  const CompileResult result = compile_governed(route(
      "r",
      "split: [{pool: p-eu, weight: 1}], times: [{days: [sun, mon], from: 22:00, to: 02:00}], "
      "on_degraded: {action: fallback, slower_by: 50}"));

  const v1::RouteEntry& entry = route_named(*result.table, "r");
  ASSERT_EQ(entry.times_size(), 3);
  EXPECT_EQ(entry.times(0).begin(), 0u);
  EXPECT_EQ(entry.times(0).end(), 120u);
  EXPECT_EQ(entry.times(1).begin(), 1320u);
  EXPECT_EQ(entry.times(1).end(), 1560u);
  EXPECT_EQ(entry.times(2).begin(), 9960u);
  EXPECT_EQ(entry.times(2).end(), 10080u);
  EXPECT_EQ(entry.on_degraded().window().seconds(), 30);
  EXPECT_EQ(entry.on_degraded().min_flows(), 50u);
  EXPECT_EQ(entry.on_degraded().slower_by(), 50u);
  EXPECT_FALSE(entry.on_degraded().has_handshake_loss());
  EXPECT_EQ(steering_of(*result.table, "unknown").route(), "");
  EXPECT_THAT(to_strings(result.warnings),
              ElementsAre("p.yaml:1: Service/s: clients of class eu, eu+acme, unknown are rejected "
                          "when their flow meets no route's dscp and times",
                          "p.yaml:7: Route/r.spec.on_degraded: has no effect: the route names no "
                          "fallback"));
}

TEST(CompileConditions, ProvesConditionalRoutesToo) {
  const CompileResult result = compile_governed(
      kResidency + kRoute + route("cs1", "dscp: [8], split: [{pool: p-us, weight: 1}]"));

  EXPECT_THAT(to_strings(result.refusals),
              ElementsAre("p.yaml:9: Route/cs1.spec.split[0].pool: client class eu of service s "
                          "could reach pool p-us, which guardrail residency (p.yaml:7) forbids: "
                          "label jurisdiction is \"us\", must be \"eu\"",
                          "p.yaml:9: Route/cs1.spec.split[0].pool: client class eu+acme of service "
                          "s could reach pool p-us, which guardrail residency (p.yaml:7) forbids: "
                          "label jurisdiction is \"us\", must be \"eu\""));
}

TEST(CompileRollouts, DividesByTheStatusOfEach) {
  const auto compiled = [](v1::RolloutPhase phase, uint32_t weight) {
    return route_named(
        *compile_governed(kRoute + kRollout, {rollout_status("x", phase, weight)}).table, "r");
  };

  EXPECT_THAT(compiled(v1::ROLLOUT_PHASE_PENDING, 0).rollouts(), IsEmpty());
  EXPECT_THAT(compiled(v1::ROLLOUT_PHASE_FAILED, 0).rollouts(), IsEmpty());
  const v1::RouteEntry progressing = compiled(v1::ROLLOUT_PHASE_PROGRESSING, 10'000);
  ASSERT_EQ(progressing.rollouts_size(), 1);
  EXPECT_EQ(progressing.rollouts(0).stable(), "p-eu");
  EXPECT_EQ(progressing.rollouts(0).candidate(), "trial");
  EXPECT_EQ(progressing.rollouts(0).weight(), 10'000u);
  EXPECT_EQ(progressing.rollouts(0).seed(), "x");
  EXPECT_EQ(progressing.rollouts(0).observe_age_ms(), 2'000u);
  EXPECT_EQ(compiled(v1::ROLLOUT_PHASE_PAUSED, 0).rollouts(0).weight(), 0u);
  const v1::RouteEntry succeeded = compiled(v1::ROLLOUT_PHASE_SUCCEEDED, 1'000'000);
  EXPECT_EQ(succeeded.rollouts(0).weight(), 1'000'000u);
  EXPECT_EQ(succeeded.rollouts(0).observe_age_ms(), 0u);
}

TEST(CompileRollouts, EvictsTheCandidateAndLetsFlowsAskAgain) {
  v1::RolloutStatus failed = rollout_status("x", v1::ROLLOUT_PHASE_FAILED, 0);
  const CompileResult before = compile_governed(kRoute + kRollout, {failed});
  failed.set_is_evicting(true);

  const CompileResult result = compile_governed(kRoute + kRollout, {failed});

  EXPECT_THAT(route_named(*result.table, "r").evicted(), ElementsAre("trial"));
  EXPECT_FALSE(same_eligibility(*before.table, *result.table));
}

TEST(CompileRollouts, AreEligibleAndProvedBeforeTheyStart) {
  EXPECT_THAT(steering_of(*compile_governed(kRoute + kRollout).table, "eu").eligible_pools(),
              ElementsAre("p-eu", "trial"));
  EXPECT_THAT(
      to_strings(compile_governed(kResidency + kRoute +
                                  governed_object("Rollout", "x",
                                                  "route: r, stable: p-eu, candidate: p-us, "
                                                  "steps: [{weight: 1}]"))
                     .refusals),
      testing::Contains("p.yaml:9: Rollout/x.spec.candidate: client class eu of service s could "
                        "reach pool p-us, which guardrail residency (p.yaml:7) forbids: label "
                        "jurisdiction is \"us\", must be \"eu\""));
}

TEST(CompileRollouts, IgnoresTheStatusOfADeletedOne) {
  EXPECT_THAT(
      route_named(
          *compile_governed(kRoute, {rollout_status("x", v1::ROLLOUT_PHASE_PROGRESSING, 5)}).table,
          "r")
          .rollouts(),
      IsEmpty());
}

TEST(CompileAudit, FailsClosedForWhomAnEnforcingGuardrailCovers) {
  const auto row = [](const std::string& mode, const char* client_class) {
    return steering_of(
        *compile_governed(kRoute + governed_object("Guardrail", "g",
                                                   "clients: {match_labels: {region: eu}}, audit: "
                                                   "fail_closed, mode: " +
                                                       mode))
             .table,
        client_class);
  };

  EXPECT_TRUE(row("enforce", "eu").audit_fail_closed());
  EXPECT_FALSE(row("enforce", "unknown").audit_fail_closed());
  EXPECT_FALSE(row("monitor", "eu").audit_fail_closed());
}

TEST(CompileBackends, CarryTheirEnds) {
  const CompileResult result = compile_governed(
      kRoute + governed_object("Pool", "q",
                               "backends: [{name: b, address: 10.0.0.9, eligible_until: "
                               "2031-01-01T00:00:00Z}]"));

  ASSERT_EQ(result.table->pools(2).name(), "q");
  EXPECT_EQ(result.table->pools(2).backends(0).eligible_until().seconds(), 1'924'992'000);
  EXPECT_FALSE(result.table->pools(0).backends(0).has_eligible_until());
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What a rollout may say: one row per violation.
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/policy_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Lines 1 to 6: services of TCP and of UDP, two pools, a route of each service.
constexpr const char* kBase =
    "--- {kind: Service, metadata: {name: s}, "
    "spec: {addresses: [203.0.113.1], ports: [tcp/80, udp/80]}}\n"
    R"(--- {kind: Service, metadata: {name: u}, spec: {addresses: [203.0.113.2], ports: [udp/443]}}
--- {kind: Pool, metadata: {name: p}, spec: {backends: [{name: b, address: 10.0.0.1}]}}
--- {kind: Pool, metadata: {name: q}, spec: {backends: [{name: b, address: 10.0.0.2}]}}
--- {kind: Route, metadata: {name: r}, spec: {service: s, split: [{pool: p, weight: 1}]}}
--- {kind: Route, metadata: {name: ru}, spec: {service: u, split: [{pool: p, weight: 1}]}}
)";

// Line 7 and on.
std::string rollout(const std::string& name, const std::string& spec) {
  return "--- {kind: Rollout, metadata: {name: " + name + "}, spec: {" + spec + "}}\n";
}

std::vector<std::string> violations_with(const std::string& rollouts) {
  return violations_of(kBase + rollouts);
}

constexpr const char* kGood = "route: r, stable: p, candidate: q, steps: [{weight: 1, for: 1m}]";

struct Row {
  std::string spec;
  std::string violation;
};

TEST(ValidateRollouts, RefusesWhatDoesNotFitTheRoute) {
  const std::vector<Row> rows = {
      {"stable: p, candidate: q, steps: [{weight: 1}]", ".route: is required: the name of a Route"},
      {"route: rr, stable: p, candidate: q, steps: [{weight: 1}]",
       ".route: no Route is named \"rr\"; did you mean r?"},
      {"route: r, stable: q, candidate: p, steps: [{weight: 1}]",
       ".stable: \"q\" is not in the split of route r"},
      {"route: r, stable: p, candidate: p, steps: [{weight: 1}]",
       ".candidate: must be another pool than the stable one"},
      {"route: r, stable: p, candidate: nowhere, steps: [{weight: 1}]",
       ".candidate: no Pool is named \"nowhere\""},
      {"route: r, stable: p, candidate: q", ".steps: needs at least one step"},
      {"route: r, stable: p, candidate: q, steps: [{weight: 0}]",
       ".steps[0].weight: must be in 1..1000000, not 0"},
      {"route: r, stable: p, candidate: q, steps: [{weight: 5}, {weight: 5}]",
       ".steps[1].weight: weights must increase: 5 stands after 5"},
      {"route: r, stable: p, candidate: q, steps: [{weight: 1, for: 91d}]",
       ".steps[0].for: must be in 0s..90d, not 91d"},
      {"route: ru, stable: p, candidate: q, steps: [{weight: 1}]",
       ".analysis.metrics: needs a metric: layer 4 sees nothing of UDP that could fail it, and "
       "service u has no other port"},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(violations_with(rollout("x", row.spec)),
                ElementsAre("p.yaml:7: Rollout/x.spec" + row.violation))
        << row.spec;
  }
}

TEST(ValidateRollouts, RefusesWhatItsTimesAndAnalysisCannotBe) {
  const std::vector<Row> rows = {
      {"bake: 91d", ".bake: must be in 0s..90d, not 91d"},
      {"deadline: 366d", ".deadline: must be in 1s..365d, not 366d"},
      {"bake: 30s, deadline: 80s",
       ".deadline: 1m20s is shorter than the steps and the bake time "
       "together, 1m30s"},
      {"existing_flows: {action: migrate}",
       ".existing_flows.after: is required for migrate: how long the flows are kept"},
      {"existing_flows: {action: reset, after: 5m}",
       ".existing_flows.after: goes with action migrate only"},
      {"existing_flows: {action: migrate, after: 31d}",
       ".existing_flows.after: must be in 0s..30d, not 31d"},
      {"analysis: {window: 4s}", ".analysis.window: must be in 5s..1h, not 4s"},
      {"analysis: {age: 61s}", ".analysis.age: must be in 1s..1m, not 1m1s"},
      {"analysis: {max_excess: 0}", ".analysis.max_excess: must be in 1..1000000, not 0"},
      {"analysis: {slower_by: 10001}", ".analysis.slower_by: must be in 1..10000, not 10001"},
      {"analysis: {min_clients: 1}", ".analysis.min_clients: must be in 2..1000000000, not 1"},
      {"analysis: {metrics: [{max: 1}]}", ".analysis.metrics[0].name: is required"},
      {"analysis: {metrics: [{name: m}]}", ".analysis.metrics[m]: needs a bound: min, max or both"},
      {"analysis: {metrics: [{name: m, max: 1}, {name: m, max: 2}]}",
       ".analysis.metrics[1].name: \"m\" is taken by another metric of the rollout (p.yaml:7)"},
      {"analysis: {metrics: [{name: error_rate, max: 1}]}",
       ".analysis.metrics[0].name: \"error_rate\" is no name; lower-case letters, digits and "
       "dashes, at most 63, no dash first or last"},
      {"analysis: {metrics: [{name: m, min: 2, max: 1.5}]}",
       ".analysis.metrics[m].max: must be at least min, 2, not 1.5"},
      {"analysis: {metrics: [{name: m, max: 1, stale_after: 0s}]}",
       ".analysis.metrics[m].stale_after: must be in 1s..1d, not 0s"},
      {"analysis: {metrics: [{name: m, max: 1, prometheus: {query: up}}]}",
       ".analysis.metrics[m].prometheus.url: is required, such as http://prometheus:9090"},
      {"analysis: {metrics: [{name: m, max: 1, prometheus: {url: prometheus, query: up}}]}",
       ".analysis.metrics[m].prometheus.url: \"prometheus\" must begin with http://"},
      {"analysis: {metrics: [{name: m, max: 1, prometheus: {url: 'https://p', query: up}}]}",
       ".analysis.metrics[m].prometheus.url: https is not built yet"},
      {"analysis: {metrics: [{name: m, max: 1, prometheus: {url: 'http://p'}}]}",
       ".analysis.metrics[m].prometheus.query: is required: PromQL with one value"},
  };
  for (const Row& row : rows) {
    EXPECT_THAT(violations_with(rollout("x", std::string(kGood) + ", " + row.spec)),
                ElementsAre("p.yaml:7: Rollout/x.spec" + row.violation))
        << row.spec;
  }
}

TEST(ValidateRollouts, AcceptsEverythingThatARolloutCanSay) {
  EXPECT_THAT(violations_with(rollout(
                  "x",
                  "route: r, stable: p, candidate: q, steps: [{weight: 1, for: 1m, min_flows: 5, "
                  "min_clients: 5, pause: true}, {weight: 1000000}], bake: 10m, deadline: 1h, "
                  "on_failure: pause, existing_flows: {action: migrate, after: 5m}, analysis: "
                  "{window: 30s, age: 3s, max_excess: 50000, slower_by: 100, min_clients: 10, "
                  "metrics: [{name: errors, max: 0.05}, {name: rate, min: 1, stale_after: 2m, "
                  "prometheus: {url: 'http://prometheus:9090', query: sum(up)}}]}")),
              IsEmpty());
  EXPECT_THAT(violations_with(rollout("x",
                                      "route: ru, stable: p, candidate: q, steps: [{weight: "
                                      "1}], analysis: {metrics: [{name: errors, max: 1}]}")),
              IsEmpty());
}

TEST(ValidateRollouts, RefusesTwoOfOneShare) {
  EXPECT_THAT(
      violations_with(rollout("x", kGood) + rollout("y", kGood)),
      ElementsAre("p.yaml:8: Rollout/y.spec.stable: Rollout/x (p.yaml:7) divides the share of "
                  "\"p\" in route r already"));
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Caps: no split and no step of a rollout gives pools more than a guardrail allows.
#include "tests/unit/planner/compile_text.h"

namespace sluice::controlplane {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

// Line 7.
const std::string kCap =
    governed_object("Guardrail", "trials",
                    "services: {match_labels: {tier: gold}}, "
                    "caps: [{pools: {match_labels: {approval: trial}}, max_share: 50000}]");

std::string route(const std::string& rest) {
  return governed_object("Route", "r", "service: s, " + rest);
}

std::vector<std::string> refusals_with(const std::string& more,
                                       std::vector<v1::RolloutStatus> rollouts = {}) {
  return to_strings(compile_governed(kCap + more, std::move(rollouts)).refusals);
}

std::vector<std::string> for_each_class(const std::string& path, const std::string& reason) {
  std::vector<std::string> lines;
  for (const char* set : {"eu", "eu+acme", "unknown"}) {
    lines.push_back("p.yaml:" + path + ": guardrail trials (p.yaml:7) forbids for client class " +
                    set + " of service s: " + reason);
  }
  return lines;
}

TEST(Caps, BoundTheSharesOfSplits) {
  EXPECT_THAT(refusals_with(route("split: [{pool: p-eu, weight: 95}, {pool: trial, weight: 5}]")),
              IsEmpty());
  EXPECT_EQ(
      refusals_with(route("split: [{pool: p-eu, weight: 999999}, {pool: trial, weight: 52632}]")),
      for_each_class("8: Route/r.spec.split",
                     "pool trial gets 50001 of 1000000, at most 50000 is allowed"));
}

TEST(Caps, CountMatchingPoolsTogether) {
  const std::string second =
      "--- {kind: Pool, metadata: {name: trial-b, labels: {approval: trial}}, "
      "spec: {backends: [{name: b, address: 10.0.0.4}]}}\n";

  EXPECT_EQ(refusals_with(second + route("split: [{pool: p-eu, weight: 94}, {pool: trial, weight: "
                                         "3}, {pool: trial-b, weight: 3}]")),
            for_each_class("9: Route/r.spec.split",
                           "pools trial, trial-b together get 60000 of 1000000, at most 50000 is "
                           "allowed"));
}

TEST(Caps, KeepPoolsOutOfFallbacks) {
  EXPECT_EQ(refusals_with(route("split: [{pool: p-eu, weight: 1}], fallback: [p-us, trial]")),
            for_each_class("8: Route/r.spec.fallback[1]",
                           "pool trial has a capped share, so it may not be a fallback"));
}

TEST(Caps, BoundEveryStepOfRollouts) {
  const std::string split =
      route("split: [{pool: p-eu, weight: 1}, {pool: p-us, weight: 1}], fallback: [p-us]");
  const auto rollout = [](const std::string& name, const std::string& stable,
                          const std::string& steps) {
    return governed_object("Rollout", name,
                           "route: r, stable: " + stable + ", candidate: trial, steps: " + steps);
  };

  EXPECT_THAT(refusals_with(split + rollout("x", "p-eu", "[{weight: 100000}]")), IsEmpty());
  EXPECT_EQ(refusals_with(split + rollout("x", "p-eu", "[{weight: 100000}, {weight: 100001}]")),
            for_each_class("9: Rollout/x.spec.steps[1].weight",
                           "pool trial gets 50001 of 1000000, at most 50000 is allowed"));
  EXPECT_EQ(refusals_with(split + rollout("x", "p-eu", "[{weight: 60000}]") +
                          rollout("y", "p-us", "[{weight: 60000}]"))
                .size(),
            6u);
  EXPECT_EQ(refusals_with(split + rollout("x", "p-eu", "[{weight: 10000}]"),
                          {rollout_status("x", v1::ROLLOUT_PHASE_SUCCEEDED, 200'000)}),
            for_each_class("9: Rollout/x.spec.steps",
                           "at its present weight 200000, pool trial gets 100000 of 1000000, at "
                           "most 50000 is allowed"));
}

TEST(Caps, WarnOfPoolsThatTakeOver) {
  const auto warnings_with = [](const std::string& more, const std::string& fallback) {
    const std::string split = "split: [{pool: p-eu, weight: 99}, {pool: trial, weight: 1}]";
    return to_strings(compile_governed(kCap + more + route(split + fallback)).warnings);
  };
  const std::string warning =
      "Route/r.spec.fallback: names no other pool with backends: when no other pool of the split "
      "serves, trial takes all of its flows, whatever the cap of guardrail trials (p.yaml:7)";
  const std::string empty = "--- {kind: Pool, metadata: {name: empty}, spec: {backends: []}}\n";

  EXPECT_THAT(warnings_with("", ""), ElementsAre("p.yaml:8: " + warning));
  EXPECT_THAT(warnings_with("", ", fallback: [p-us]"), IsEmpty());
  EXPECT_THAT(warnings_with(empty, ", fallback: [empty]"), Contains("p.yaml:9: " + warning));
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Whom a new table moves, against counting single clients.
#include "controlplane/planner/moved.h"

#include "controlplane/planner/plan.h"
#include "tests/unit/planner/compile_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const std::string kSplit =
    governed_object("Route", "r",
                    "service: s, split: [{pool: p-eu, weight: 90}, {pool: trial, weight: 10}]") +
    governed_object("Rollout", "x",
                    "route: r, stable: p-eu, candidate: p-us, steps: [{weight: 100000}]");

struct State {
  std::string more = kSplit;
  std::vector<v1::RolloutStatus> rollouts;
};

Plan plan_between(const State& before, const State& after) {
  const v1::Policy old = parse_governed(before.more).policy;
  const v1::Policy current = parse_governed(after.more).policy;
  ObjectNames touched = all_objects(old);
  add_names(all_objects(current), touched);
  const CompileResult running =
      compile_policy(old, client_sets(old), {},
                     {.steering_key = test_steering_key(), .rollouts = before.rollouts});
  return make_plan({old, *running.table}, {current, client_sets(current), {}, touched},
                   {.generation = 2,
                    .revision = 2,
                    .steering_key = test_steering_key(),
                    .rollouts = after.rollouts});
}

uint32_t moved(const Plan& plan, const std::string& client_class = "unknown") {
  for (const v1::MovedClients& entry : plan.moved) {
    if (entry.client_class() == client_class) return entry.moved();
  }
  return 0;
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  const size_t at = text.find(what);
  EXPECT_NE(at, std::string::npos) << what;
  return text.replace(at, what.size(), by);
}

std::vector<v1::RolloutStatus> at_weight(uint32_t weight) {
  return {rollout_status("x", v1::ROLLOUT_PHASE_PROGRESSING, weight)};
}

TEST(MovedClients, AreNoneWhenNothingChanges) {
  EXPECT_THAT(plan_between({}, {}).moved, IsEmpty());
  EXPECT_THAT(plan_between({kSplit, at_weight(5)}, {kSplit, at_weight(5)}).moved, IsEmpty());
  EXPECT_THAT(plan_between({}, {}).emptied_pools, IsEmpty());
}

TEST(MovedClients, AreThoseOfTheShareThatMoves) {
  const Plan plan = plan_between({}, {replaced(kSplit, "weight: 10}", "weight: 20}"), {}});

  const double expected = 20.0 / 110 - 0.1;
  EXPECT_NEAR(moved(plan), expected * 1e6, 5'000);
  ASSERT_EQ(plan.shares.size(), 6u);
  EXPECT_EQ(moved(plan), plan.shares[4].before() - plan.shares[4].after()) << "of p-eu";
  EXPECT_EQ(plan.moved.size(), 3u) << "one per class";
}

TEST(MovedClients, AreThoseThatARolloutGivesAway) {
  const Plan starts = plan_between({}, {kSplit, at_weight(100'000)});
  EXPECT_NEAR(moved(starts), 0.9 * 0.1 * 1e6, 1'000);
  const Plan ramps = plan_between({kSplit, at_weight(100'000)}, {kSplit, at_weight(250'000)});
  EXPECT_NEAR(moved(ramps), 0.9 * 0.15 * 1e6, 1'000) << "who was given away stays so";
  EXPECT_NEAR(moved(plan_between({kSplit, at_weight(1'000'000)}, {})), 0.9 * 1e6, 5'000);
}

TEST(MovedClients, MultiplyARenamedRolloutsHash) {
  State renamed = {replaced(kSplit, "{name: x}", "{name: y}"),
                   {rollout_status("y", v1::ROLLOUT_PHASE_PROGRESSING, 500'000)}};

  EXPECT_NEAR(moved(plan_between({kSplit, at_weight(500'000)}, renamed)), 0.9 * 0.5 * 1e6, 5'000);
}

TEST(MovedClients, AreThoseOfTheSlotsThatAnotherBackendGets) {
  const std::string pool =
      "--- {kind: Pool, metadata: {name: q}, spec: {backends: [{name: a, address: 10.0.1.1}, "
      "{name: b, address: 10.0.1.2}, {name: c, address: 10.0.1.3}]}}\n" +
      governed_object("Route", "r", "service: s, split: [{pool: q, weight: 1}]");

  EXPECT_NEAR(
      moved(plan_between({pool, {}}, {replaced(pool, ", {name: c, address: 10.0.1.3}", ""), {}})),
      1e6 / 3, 20'000);
  EXPECT_NEAR(moved(plan_between({pool, {}}, {replaced(pool, "10.0.1.3", "10.0.1.4"), {}})),
              1e6 / 3, 2'000)
      << "another address is another backend";
  EXPECT_LT(moved(plan_between({pool, {}}, {replaced(pool, "spec: {backends",
                                                     "spec: {table_slots: 65539, "
                                                     "backends"),
                                            {}})),
            1'000'000u);
}

TEST(MovedClients, AreAllWhenTheAffinityChangesOrTheRouteGoes) {
  const std::string rest = governed_object("Route", "r",
                                           "service: s, clients: {match_labels: "
                                           "{region: eu}}, split: [{pool: p-eu, "
                                           "weight: 1}]");
  const Plan plan = plan_between({}, {rest, {}});

  EXPECT_EQ(moved(plan, "unknown"), 1'000'000u);
  EXPECT_NEAR(moved(plan, "eu"), 100'000, 5'000);
}

TEST(MovedClients, FollowClientsIntoTheirNewClass) {
  const std::string routes =
      governed_object("Route", "r-eu",
                      "service: s, clients: {match_labels: {region: eu}}, split: [{pool: p-eu, "
                      "weight: 1}]") +
      governed_object("Route", "r-all", "service: s, split: [{pool: p-us, weight: 1}]");
  const std::string more =
      "--- {kind: ClientClass, metadata: {name: late, labels: {region: eu}}, spec: {prefixes: "
      "[10.1.0.0/16]}}\n";

  const Plan plan = plan_between({routes, {}}, {routes + more, {}});

  ASSERT_EQ(plan.moved.size(), 1u);
  EXPECT_EQ(plan.moved[0].client_class(), "late");
  EXPECT_EQ(plan.moved[0].moved(), 1'000'000u) << "they were unknown";
}

TEST(MovedClients, CountTheConditionUnderWhichMostMove) {
  const auto with = [](const std::string& pool) {
    return State{kSplit + governed_object("Route", "night",
                                          "service: s, times: [{from: 22:00, to: 06:00}], split: "
                                          "[{pool: " +
                                              pool + ", weight: 1}]"),
                 {}};
  };

  EXPECT_EQ(moved(plan_between(with("p-us"), with("p-eu"))), 1'000'000u);
  EXPECT_NEAR(moved(plan_between({}, with("p-eu"))), 100'000, 5'000);
}

TEST(EmptiedPools, AreThoseThatNoRouteGivesFlowsAnyMore) {
  EXPECT_THAT(plan_between({}, {replaced(kSplit, "weight: 10}", "weight: 0}"), {}}).emptied_pools,
              ElementsAre("trial"));
  EXPECT_THAT(plan_between({}, {kSplit, at_weight(1'000'000)}).emptied_pools, ElementsAre("p-eu"));
  EXPECT_THAT(plan_between({kSplit, at_weight(5)}, {}).emptied_pools, ElementsAre("p-us"));
}

TEST(PlanDigest, IsOfThePolicyTheBaseAndTheStrike) {
  const std::string digest = plan_between({}, {}).digest;

  EXPECT_EQ(digest.size(), 32u);
  EXPECT_EQ(digest, plan_between({}, {}).digest);
  EXPECT_NE(digest, plan_between({}, {replaced(kSplit, "weight: 10}", "weight: 11}"), {}}).digest);
}

}  // namespace
}  // namespace sluice::controlplane

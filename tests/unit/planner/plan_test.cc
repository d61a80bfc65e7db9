// SPDX-License-Identifier: Apache-2.0
//
// What a plan says: differences, shares and the epoch.
#include "controlplane/planner/plan.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/policy_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

v1::Policy example() {
  Violations violations;
  return parse_text(example_policy(), violations).policy;
}

TableHeader header_of(uint64_t generation) {
  return {.generation = generation,
          .revision = generation,
          .eligibility_epoch = 4,
          .steering_key = test_steering_key()};
}

Plan plan_between(const v1::Policy& policy, const v1::ForwardingTable& table,
                  const v1::Policy& desired, const TableHeader& header) {
  ObjectNames touched = all_objects(policy);
  add_names(all_objects(desired), touched);
  return make_plan({policy, table}, {desired, client_sets(desired), {}, touched}, header);
}

Plan plan_to(const v1::Policy& desired) {
  const v1::Policy policy = example();
  const CompileResult running = compile_policy(policy, client_sets(policy), {}, header_of(1));
  return plan_between(policy, *running.table, desired, header_of(2));
}

std::vector<std::string> describe(const std::vector<v1::ObjectDiff>& diffs) {
  std::vector<std::string> lines;
  for (const v1::ObjectDiff& diff : diffs) {
    lines.push_back(v1::ObjectDiff::Action_Name(diff.action()).substr(7) + " " + diff.kind() + "/" +
                    diff.name());
    for (const v1::FieldDiff& field : diff.fields()) {
      lines.push_back("  " + field.path() + ": " + field.before() + " -> " + field.after());
    }
  }
  return lines;
}

std::vector<std::string> describe(const std::vector<v1::ShareChange>& shares) {
  std::vector<std::string> lines;
  for (const v1::ShareChange& share : shares) {
    lines.push_back(share.service() + " " + share.client_class() + " " + share.pool() + ": " +
                    std::to_string(share.before()) + " -> " + std::to_string(share.after()));
  }
  return lines;
}

TEST(MakePlan, IsEmptyWhenNothingChanges) {
  const Plan plan = plan_to(example());

  EXPECT_THAT(plan.diff, IsEmpty());
  EXPECT_THAT(plan.shares, IsEmpty());
  EXPECT_EQ(plan.table->eligibility_epoch(), 4u);
  EXPECT_EQ(plan.table->generation(), 2u);
}

TEST(MakePlan, CreatesEverythingAtFirst) {
  const Plan plan = plan_between({}, {}, example(), header_of(1));

  EXPECT_THAT(
      describe(plan.diff),
      ElementsAre("CREATE ClientClass/acme", "CREATE ClientClass/eu", "CREATE ClientClass/unknown",
                  "CREATE ClientClass/us", "CREATE Guardrail/eu-residency",
                  "CREATE Pool/chat-v1-eu", "CREATE Pool/chat-v2-eu", "CREATE Pool/chat-v2-us",
                  "CREATE Rollout/chat-v2", "CREATE Route/chat-default", "CREATE Route/chat-eu",
                  "CREATE Service/chat"));
  EXPECT_EQ(plan.table->eligibility_epoch(), 4u);
  ASSERT_EQ(plan.shares.size(), 6u);
  EXPECT_EQ(plan.shares[0].client_class(), "eu");
  EXPECT_EQ(plan.shares[0].pool(), "chat-v1-eu");
  EXPECT_NEAR(plan.shares[0].after(), 900'000, 5'000);
  EXPECT_EQ(plan.shares[0].before(), 0u);
  EXPECT_EQ(describe(plan.shares)[5], "chat us chat-v2-us: 0 -> 1000000");
}

TEST(MakePlan, NamesTheFieldsThatChange) {
  v1::Policy desired = example();
  v1::PoolSpec& pool = *desired.mutable_pools(0)->mutable_spec();
  pool.clear_min_up();
  pool.clear_eligible_until();
  pool.mutable_health()->mutable_interval()->set_seconds(2);
  pool.mutable_health()->mutable_tcp()->set_port(80);
  pool.mutable_backends(0)->set_weight(0);
  (*pool.mutable_backends(1)->mutable_labels())["zone"] = "no";
  v1::Backend& added = *pool.add_backends();
  added.set_name("v1-c");
  added.set_address("10.77.1.13");
  (*desired.mutable_pools(0)->mutable_metadata()->mutable_labels())["owner"] = "chat team";

  EXPECT_THAT(describe(plan_to(desired).diff),
              ElementsAre("UPDATE Pool/chat-v1-eu", "  metadata.labels[owner]:  -> \"chat team\"",
                          "  spec.backends[v1-a].weight: 100 -> 0",
                          "  spec.backends[v1-b].labels[zone]: fra2 -> \"no\"",
                          "  spec.backends[v1-c].address:  -> 10.77.1.13",
                          "  spec.backends[v1-c].name:  -> v1-c",
                          "  spec.eligible_until: \"2031-01-01T00:00:00Z\" -> ",
                          "  spec.health.http.expect_body: \"chat v1\" -> ",
                          "  spec.health.http.expect_status[200]: 200 -> ",
                          "  spec.health.http.path: /health -> ", "  spec.health.http.port: 80 -> ",
                          "  spec.health.interval: 1s -> 2s", "  spec.health.tcp.port:  -> 80",
                          "  spec.min_up: 1 -> "));
}

TEST(MakePlan, ShowsListsByElementAndOrder) {
  v1::Policy desired = example();
  desired.mutable_client_classes(0)->mutable_spec()->set_prefixes(0, "198.51.101.0/24");
  v1::RouteSpec& route = *desired.mutable_routes(0)->mutable_spec();
  route.mutable_fallback()->SwapElements(0, 1);
  route.mutable_split()->SwapElements(0, 1);
  desired.mutable_routes(1)->mutable_spec()->clear_clients();

  EXPECT_THAT(
      describe(plan_to(desired).diff),
      ElementsAre("UPDATE ClientClass/eu", "  spec.prefixes[198.51.100.0/24]: 198.51.100.0/24 -> ",
                  "  spec.prefixes[198.51.101.0/24]:  -> 198.51.101.0/24",
                  "UPDATE Route/chat-default", "  spec.clients: {} -> ", "UPDATE Route/chat-eu",
                  "  spec.fallback: [chat-v2-eu, chat-v1-eu] -> [chat-v1-eu, chat-v2-eu]"));
}

TEST(MakePlan, CountsTheSharesThatMove) {
  v1::Policy desired = example();
  desired.mutable_routes(0)->mutable_spec()->mutable_split(0)->set_weight(80);
  desired.mutable_routes(0)->mutable_spec()->mutable_split(1)->set_weight(20);

  const Plan plan = plan_to(desired);

  EXPECT_THAT(describe(plan.diff),
              ElementsAre("UPDATE Route/chat-eu", "  spec.split[chat-v1-eu].weight: 90 -> 80",
                          "  spec.split[chat-v2-eu].weight: 10 -> 20"));
  ASSERT_EQ(plan.shares.size(), 4u);
  EXPECT_EQ(plan.shares[0].client_class(), "eu");
  EXPECT_EQ(plan.shares[0].pool(), "chat-v1-eu");
  EXPECT_NEAR(plan.shares[0].before(), 900'000, 5'000);
  EXPECT_NEAR(plan.shares[0].after(), 800'000, 5'000);
  EXPECT_EQ(plan.shares[2].client_class(), "eu+acme");
  EXPECT_EQ(plan.table->eligibility_epoch(), 4u);
}

TEST(MakePlan, RaisesTheEpochWhenEligibilityChanges) {
  v1::Policy desired = example();
  desired.mutable_routes()->RemoveLast();

  const Plan plan = plan_to(desired);

  EXPECT_THAT(describe(plan.diff), ElementsAre("DELETE Route/chat-default"));
  EXPECT_EQ(plan.table->eligibility_epoch(), 5u);
  EXPECT_THAT(describe(plan.shares), ElementsAre("chat unknown chat-v2-us: 1000000 -> 0",
                                                 "chat us chat-v2-us: 1000000 -> 0"));
  EXPECT_THAT(
      to_strings(plan.warnings),
      ElementsAre("Service/chat: clients of class unknown, us match no route: they are rejected"));
}

TEST(MakePlan, RefusesWhatAGuardrailForbids) {
  v1::Policy desired = example();
  desired.mutable_routes(0)->mutable_spec()->add_fallback("chat-v2-us");

  const Plan plan = plan_to(desired);

  EXPECT_THAT(
      to_strings(plan.refusals),
      ElementsAre(
          "Route/chat-eu.spec.fallback[2]: client class eu of service chat could reach pool "
          "chat-v2-us, which guardrail eu-residency forbids: label jurisdiction is \"us\", must be "
          "in "
          "[eu]",
          "Route/chat-eu.spec.fallback[2]: client class eu+acme of service chat could reach pool "
          "chat-v2-us, which guardrail eu-residency forbids: label jurisdiction is \"us\", must be "
          "in "
          "[eu]"));
  EXPECT_THAT(plan.shares, IsEmpty());
}

}  // namespace
}  // namespace sluice::controlplane

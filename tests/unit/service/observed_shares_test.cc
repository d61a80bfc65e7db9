// SPDX-License-Identifier: Apache-2.0
//
// The sample-ratio check: chance is left alone, wrong splits are found, for flows and for clients.
#include "controlplane/service/observed_shares.h"

#include <gtest/gtest.h>

#include <random>

namespace sluice::controlplane {
namespace {

v1::RouteEntry make_route() {
  v1::RouteEntry route;
  route.set_name("chat");
  for (const char* pool : {"blue", "green"}) {
    v1::RouteSplit& part = *route.add_split();
    part.set_pool(pool);
    part.set_weight(std::string(pool) == "blue" ? 90 : 10);
  }
  return route;
}

v1::ObservedShares check(const RouteCounts& counts, v1::Affinity affinity = v1::AFFINITY_FLOW,
                         const v1::RouteEntry& route = make_route()) {
  v1::ForwardingTable table;
  *table.add_routes() = route;
  v1::Policy policy;
  v1::Service& service = *policy.add_services();
  service.mutable_metadata()->set_name("web");
  service.mutable_spec()->set_affinity(affinity);
  const ShareCounts all{{{"web", "eu", "chat"}, counts}, {{"web", "eu", "gone"}, counts}};
  const v1::ListSharesResponse response = observed_shares(all, table, policy);
  EXPECT_EQ(response.splits_size(), 1);
  return response.splits(0);
}

RouteCounts counts_of(uint64_t blue, uint64_t green) {
  RouteCounts counts;
  counts.pools["blue"] = {blue, blue};
  counts.pools["green"] = {green, green};
  counts.flows = counts.clients = blue + green;
  counts.squares = static_cast<double>(counts.flows);
  return counts;
}

TEST(ObservedShares, ShareAsConfiguredIsChanceAndAnotherIsNot) {
  const v1::ObservedShares good = check(counts_of(9050, 950));
  EXPECT_EQ(good.service(), "web");
  EXPECT_EQ(good.client_class(), "eu");
  EXPECT_EQ(good.pools(0).configured(), 900'000u);
  EXPECT_EQ(good.pools(1).flows(), 950u);
  EXPECT_NEAR(good.p_value_flows(), 0.0956, 0.0001);  // χ² = 2.778, one degree
  const v1::ObservedShares bad = check(counts_of(8000, 2000));
  EXPECT_LT(bad.p_value_flows(), 1e-12);
  EXPECT_LT(bad.p_value_clients(), 1e-12);
}

TEST(ObservedShares, ARolloutsCandidateHasItsPartOfTheStablePool) {
  v1::RouteEntry route = make_route();
  v1::RolloutSplit& rollout = *route.add_rollouts();
  rollout.set_stable("blue");
  rollout.set_candidate("red");
  rollout.set_weight(100'000);
  const std::map<std::string, uint32_t> shares = configured_shares(route);
  EXPECT_EQ(shares.at("blue"), 810'000u);
  EXPECT_EQ(shares.at("red"), 90'000u);
  EXPECT_EQ(shares.at("green"), 100'000u);
  EXPECT_LT(check(counts_of(9000, 1000), v1::AFFINITY_FLOW, route).p_value_flows(), 1e-12);
}

TEST(ObservedShares, APoolThatShouldGetNothingIsNoChance) {
  RouteCounts counts = counts_of(9000, 1000);
  counts.pools["black"] = {1, 1};
  EXPECT_EQ(check(counts).p_value_flows(), 0);
  EXPECT_EQ(check(counts).pools(0).configured(), 0u);
}

TEST(ObservedShares, OnePoolAloneHasNothingToBeTested) {
  v1::RouteEntry route;
  route.set_name("chat");
  v1::RouteSplit& part = *route.add_split();
  part.set_pool("blue");
  part.set_weight(1);
  RouteCounts counts;
  counts.pools["blue"] = {10, 10};
  counts.flows = counts.clients = 10;
  EXPECT_EQ(check(counts, v1::AFFINITY_FLOW, route).p_value_flows(), 1);
}

// With clients whose flows keep together, right splits are suspected as rarely as the p-value says.
TEST(ObservedShares, ClientsThatKeepTogetherRaiseNoFalseAlarm) {
  std::mt19937_64 random(7);
  int alarms = 0;
  int alarms_if_single = 0;
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    RouteCounts counts;
    for (int client = 0; client < 500; ++client) {
      const std::string pool = random() % 10 == 0 ? "green" : "blue";
      const uint64_t flows = 1 + random() % 40;
      counts.pools[pool].flows += flows;
      counts.pools[pool].clients += 1;
      counts.flows += flows;
      counts.clients += 1;
      counts.squares += static_cast<double>(flows * flows);
    }
    alarms += check(counts, v1::AFFINITY_CLIENT).p_value_flows() < 0.01 ? 1 : 0;
    alarms_if_single += check(counts, v1::AFFINITY_FLOW).p_value_flows() < 0.01 ? 1 : 0;
  }
  EXPECT_LE(alarms, 2 * kRounds / 100);
  EXPECT_GE(alarms_if_single, 10 * kRounds / 100);
}

}  // namespace
}  // namespace sluice::controlplane

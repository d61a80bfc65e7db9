// SPDX-License-Identifier: Apache-2.0
//
// Which clients a rollout gives to its candidate.
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <random>
#include <string>

#include "dataplane/table/explain.h"
#include "dataplane/table/from_proto.h"
#include "dataplane/table/steer_steps.h"
#include "tests/support/model/model.h"
#include "tests/unit/table/small_table.h"

namespace sluice::dataplane {
namespace {

constexpr int kClients = 200'000;
constexpr const char* kRegistered = "10.77.1.13";  // of a backend that comes later

// Pool v1 has four clients in five; v2, which is no fallback, one.
class RolloutSplitTest : public testing::Test {
 protected:
  RolloutSplitTest() {
    table_.mutable_routes(0)->clear_fallback();
    table_.mutable_routes(0)->mutable_split(0)->set_weight(80);
    table_.mutable_routes(0)->mutable_split(1)->set_weight(20);
    *table_.add_pools() = pool_entry("v3", {"10.77.1.41", "10.77.1.42"});
    table_.mutable_steering(0)->add_eligible_pools("v3");
    std::mt19937_64 random(7);
    for (int i = 0; i < kClients; ++i)
      clients_.push_back(random());
  }

  void publish() {
    auto built = build_table(table_, previous_.get(), registry_);
    ASSERT_TRUE(built.ok()) << built.status();
    previous_ = built->table;
    std::vector<BackendCondition> conditions(previous_->backend_capacity);
    for (const Pool& pool : previous_->pools) {
      for (const PoolMember& member : pool.members) {
        conditions[member.id.index()].state =
            effective_state(table_, states_, pool.name, member.name);
      }
    }
    snapshot_ = make_snapshot(previous_, 1, conditions, 0);
  }

  // Where a client of class eu goes whose affinity hash this is.
  Decision steered(uint64_t client) const {
    const std::string source = address_bytes("198.51.100.7");
    const std::string destination = address_bytes("203.0.113.10");
    const auto key =
        FlowKey<Family::kIpv4>::make(reinterpret_cast<const uint8_t*>(source.data()),
                                     reinterpret_cast<const uint8_t*>(destination.data()),
                                     Be16::from_host(40001), Be16::from_host(80), kProtocolTcp);
    Decision decision;
    choose_pool<Family::kIpv4>(*snapshot_, ServiceIndex{0}, key, client, Opening::kFresh, decision);
    if (decision.verdict == SteerVerdict::kForward)
      choose_backend(*snapshot_, Opening::kFresh, decision);
    return decision;
  }

  std::string pool(const Decision& decision) const {
    return decision.verdict == SteerVerdict::kForward ? previous_->pools[decision.pool.value].name
                                                      : "none";
  }
  std::string split_pool(const Decision& decision) const {
    return previous_->pools[decision.split_pool.value].name;
  }
  void set_pool(const char* name, BackendState state) {
    for (const v1::PoolEntry& entry : table_.pools()) {
      for (const v1::BackendEntry& backend : entry.backends()) {
        if (entry.name() == name) states_[{name, backend.name()}] = state;
      }
    }
  }

  v1::ForwardingTable table_ = small_table();
  ProbedStates states_;
  Registry registry_;
  std::shared_ptr<const Table> previous_;
  std::unique_ptr<const Snapshot> snapshot_;
  std::vector<uint64_t> clients_;
};

TEST_F(RolloutSplitTest, ARisingWeightNeverTakesAClientFromTheCandidateAgain) {
  v1::RolloutSplit& rollout = add_rollout(table_, "v1", "v3", 0);
  std::vector<bool> was_candidates(clients_.size(), false);
  std::vector<std::string> stable(clients_.size());
  for (const uint32_t weight : {0u, 1u, 10'000u, 100'000u, 500'000u, 999'999u, 1'000'000u}) {
    rollout.set_weight(weight);
    publish();
    int candidates = 0;
    int divided = 0;
    for (size_t i = 0; i < clients_.size(); ++i) {
      const Decision decision = steered(clients_[i]);
      const bool is_candidates = pool(decision) == "v3";
      ASSERT_TRUE(is_candidates || !was_candidates[i]) << "weight " << weight;
      if (!is_candidates) {
        if (weight == 0) stable[i] = pool(decision);
        ASSERT_EQ(pool(decision), stable[i]) << "weight " << weight;
      }
      ASSERT_EQ(decision.cause == PoolCause::kRollout, is_candidates);
      was_candidates[i] = is_candidates;
      candidates += is_candidates ? 1 : 0;
      divided += split_pool(decision) == "v1" ? 1 : 0;
    }
    const double expected = divided * (weight / 1e6);
    const double deviation = std::sqrt(expected * (1 - weight / 1e6));
    EXPECT_NEAR(candidates, expected, 4 * deviation + 1e-9) << "weight " << weight;
  }
}

TEST_F(RolloutSplitTest, TheControlCohortIsAsLargeAsTheCandidatesWhileThatIsPossible) {
  v1::RolloutSplit& rollout = add_rollout(table_, "v1", "v3", 0);
  for (const uint32_t weight : {0u, 10'000u, 400'000u, 700'000u, 1'000'000u}) {
    rollout.set_weight(weight);
    publish();
    std::map<RolloutRole, int> seen;
    int divided = 0;
    for (const uint64_t client : clients_) {
      const Decision decision = steered(client);
      if (split_pool(decision) != "v1") {
        ASSERT_EQ(decision.role, RolloutRole::kNone);
        ASSERT_EQ(decision.rollout, Rollout::kNone);
        continue;
      }
      ++divided;
      ++seen[decision.role];
      ASSERT_EQ(pool(decision), decision.role == RolloutRole::kCandidate ? "v3" : "v1");
    }
    const double control = divided * (std::min(weight, 1'000'000 - weight) / 1e6);
    EXPECT_NEAR(seen[RolloutRole::kControl], control, 4 * std::sqrt(control) + 1e-9) << weight;
    EXPECT_EQ(seen[RolloutRole::kNone] > 0, weight < 500'000);
  }
}

// Pearson's statistic of a table of counts: how far it is from what its sums alone would make.
double chi_square(const std::map<std::pair<int, int>, int>& counts) {
  std::map<int, double> rows, columns;
  double all = 0;
  for (const auto& [place, count] : counts) {
    rows[place.first] += count;
    columns[place.second] += count;
    all += count;
  }
  double sum = 0;
  for (const auto& [row, in_row] : rows) {
    for (const auto& [column, in_column] : columns) {
      const double expected = in_row * in_column / all;
      const auto found = counts.find({row, column});
      const double count = found == counts.end() ? 0 : found->second;
      sum += (count - expected) * (count - expected) / expected;
    }
  }
  return sum;
}

// One in 1000 of independent tables exceeds this: 1, 2 and 15 degrees of freedom.
constexpr double kChi1 = 10.83;
constexpr double kChi15 = 37.70;

TEST_F(RolloutSplitTest, IsIndependentOfTheRoutesSplitEvenWhereBothHaveOneSeed) {
  table_.mutable_routes(0)->set_split_seed("the-same");
  add_rollout(table_, "v1", "v3", 300'000).set_seed("the-same");
  publish();
  std::map<std::pair<int, int>, int> counts;  // (sixteenth of the split's buckets, is candidate's)
  for (const uint64_t client : clients_) {
    const Decision decision = steered(client);
    if (split_pool(decision) != "v1") continue;
    const int sixteenth = static_cast<int>(decision.bucket >> 12);
    ++counts[{sixteenth, decision.role == RolloutRole::kCandidate ? 1 : 0}];
  }
  EXPECT_LT(chi_square(counts), kChi15);
}

TEST_F(RolloutSplitTest, TwoRolloutsAreIndependentOfEachOther) {
  v1::RolloutSplit& rollout = add_rollout(table_, "v1", "v3", 500'000);
  publish();
  std::vector<int> by_first;
  for (const uint64_t client : clients_)
    by_first.push_back(steered(client).role == RolloutRole::kCandidate ? 1 : 0);
  rollout.set_seed("another");
  publish();
  std::map<std::pair<int, int>, int> counts;
  for (size_t i = 0; i < clients_.size(); ++i) {
    const Decision decision = steered(clients_[i]);
    if (split_pool(decision) != "v1") continue;
    ++counts[{by_first[i], decision.role == RolloutRole::kCandidate ? 1 : 0}];
  }
  EXPECT_LT(chi_square(counts), kChi1);
}

TEST_F(RolloutSplitTest, BackendsThatComeAndGoMoveNobodyBetweenThePools) {
  add_rollout(table_, "v1", "v3", 250'000);
  publish();
  std::vector<std::string> before;
  for (const uint64_t client : clients_)
    before.push_back(pool(steered(client)));

  states_[{"v3", "v3-a"}] = BackendState::kDown;
  states_[{"v1", "v1-b"}] = BackendState::kDraining;
  v1::BackendEntry& registered = *table_.mutable_pools(0)->add_backends();
  registered = table_.pools(0).backends(0);
  registered.set_name("v1-c");
  registered.set_address(address_bytes(kRegistered));
  publish();

  for (size_t i = 0; i < clients_.size(); ++i)
    ASSERT_EQ(pool(steered(clients_[i])), before[i]);
}

TEST_F(RolloutSplitTest, ACandidateThatDoesNotServeLeavesItsClientsWithTheStablePool) {
  add_rollout(table_, "v1", "v3", 250'000);
  set_pool("v3", BackendState::kDown);
  publish();
  for (const uint64_t client : clients_) {
    const Decision decision = steered(client);
    ASSERT_EQ(pool(decision), split_pool(decision));
    ASSERT_EQ(decision.cause, PoolCause::kSplit);
    ASSERT_NE(decision.role, RolloutRole::kCandidate);
  }
}

TEST_F(RolloutSplitTest, AStablePoolThatDoesNotServeLosesOnlyWhatIsItsOwn) {
  add_rollout(table_, "v1", "v3", 250'000);
  set_pool("v1", BackendState::kDown);
  publish();
  std::map<std::string, int> seen;
  for (const uint64_t client : clients_) {
    const Decision decision = steered(client);
    ++seen[pool(decision)];
    ASSERT_EQ(pool(decision) == "v3", decision.role == RolloutRole::kCandidate);
    if (split_pool(decision) == "v1" && pool(decision) != "v3") {
      ASSERT_EQ(decision.cause, PoolCause::kResplit);
      ASSERT_EQ(decision.role, RolloutRole::kNone) << "it is not with the stable pool";
    }
  }
  EXPECT_NEAR(seen["v3"], kClients * 0.8 * 0.25, kClients * 0.005);
  EXPECT_EQ(seen["v1"], 0);

  set_pool("v3", BackendState::kDown);
  set_pool("v2", BackendState::kDown);
  publish();
  EXPECT_EQ(steered(clients_[0]).verdict, SteerVerdict::kNoPool);
}

TEST_F(RolloutSplitTest, RecordsTellTheCandidatesFlowsFromOthersOfItsPool) {
  add_rollout(table_, "v1", "v2", 500'000);
  publish();
  std::map<std::pair<std::string, std::string>, int> seen;  // (split pool, rollout)
  for (const uint64_t client : clients_) {
    const Decision decision = steered(client);
    const auto names = registry_.names(decision.target);
    ASSERT_EQ(names->rollout, decision.cause == PoolCause::kRollout ? "to-v2" : "");
    if (pool(decision) == "v2") ++seen[{split_pool(decision), names->rollout}];
  }
  EXPECT_EQ(seen.size(), 2u);
  EXPECT_GT((seen[{"v1", "to-v2"}]), 1000);
  EXPECT_GT((seen[{"v2", ""}]), 1000);
}

TEST_F(RolloutSplitTest, TargetsStayThroughSteps) {
  v1::RolloutSplit& rollout = add_rollout(table_, "v1", "v2", 10'000);
  publish();
  const std::shared_ptr<const Table> before = previous_;
  const uint32_t targets = registry_.target_count();
  rollout.set_weight(100'000);
  publish();

  ASSERT_EQ(previous_->routes[0].uses.size(), 3u);
  for (size_t use = 0; use < 3; ++use)
    EXPECT_EQ(previous_->routes[0].uses[use].targets, before->routes[0].uses[use].targets);
  EXPECT_EQ(registry_.target_count(), targets);
  EXPECT_EQ(previous_->routes[0].split, before->routes[0].split);
}

TEST_F(RolloutSplitTest, ExplainSaysWhoseTheClientIsAndWhy) {
  v1::ExplainRequest request;
  request.set_protocol(6);
  request.set_client_address("198.51.100.7");
  request.set_client_port(40001);
  request.set_service_address("203.0.113.10");
  request.set_service_port(80);
  const auto told = [&] {
    publish();
    v1::ExplainResponse response;
    EXPECT_TRUE(explain(*snapshot_, request, response).ok());
    return response;
  };
  ASSERT_EQ(told().split_pool(), "v1");
  v1::RolloutSplit& rollout = add_rollout(table_, "v1", "v3", 1'000'000);

  v1::ExplainResponse response = told();
  EXPECT_EQ(response.rollout(), "to-v3");
  EXPECT_EQ(response.pool(), "v3");
  EXPECT_EQ(response.pool_cause(), v1::POOL_CAUSE_ROLLOUT);
  EXPECT_TRUE(response.reasons(3).starts_with(
      "rollout to-v3 gives 1000000 of 1000000 clients of pool v1 to pool v3; place "))
      << response.reasons(3);
  EXPECT_TRUE(response.reasons(3).ends_with(" is one of them")) << response.reasons(3);

  set_pool("v3", BackendState::kDown);
  response = told();
  EXPECT_EQ(response.pool_cause(), v1::POOL_CAUSE_SPLIT);
  EXPECT_EQ(response.pool(), "v1");
  EXPECT_EQ(response.reasons(4),
            "pool v3 does not serve: 0 of 2 backends are up, min_up is 1; the client stays with "
            "pool v1");

  rollout.set_weight(0);
  response = told();
  EXPECT_EQ(response.rollout(), "to-v3");
  EXPECT_EQ(response.pool_cause(), v1::POOL_CAUSE_SPLIT);
  EXPECT_TRUE(response.reasons(3).ends_with(" is none of them")) << response.reasons(3);
}

}  // namespace
}  // namespace sluice::dataplane

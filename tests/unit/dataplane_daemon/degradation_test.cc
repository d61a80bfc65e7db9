// SPDX-License-Identifier: Apache-2.0
//
// When a pool that is up counts as degraded, and when no longer.
#include "dataplane/daemon/degradation.h"

#include <gtest/gtest.h>

#include "dataplane/table/from_proto.h"
#include "tests/unit/dataplane_daemon/small_table.h"

namespace sluice::dataplane {
namespace {

constexpr uint32_t kWindowMs = 30'000;

// Windows of one pool, one after the other.
class Windows {
 public:
  explicit Windows(const DegradedBound& bound) : bound_(bound) { judge_.judge(sums_, bound_, 0); }

  bool pass(uint64_t begun, uint64_t completed, uint64_t us_each) {
    sums_.begun += begun;
    sums_.completed += completed;
    sums_.handshake_us += completed * us_each;
    now_ms_ += kWindowMs;
    return judge_.judge(sums_, bound_, now_ms_);
  }
  // Its handshakes are as usual.
  bool pass_answered(uint64_t responses, uint64_t us_each) {
    pass_responses(responses, us_each);
    return pass_usual();
  }
  void pass_responses(uint64_t responses, uint64_t us_each) {
    sums_.responses += responses;
    sums_.response_us += responses * us_each;
  }
  bool pass_usual() { return pass(100, 99, 2000); }
  bool pass_silent() { return pass(3, 0, 0); }
  // Until it is no longer degraded.
  int silent_windows_to_leave() {
    int windows = 1;
    while (pass_silent())
      ++windows;
    return windows;
  }

  DegradationJudge judge_;

 private:
  DegradedBound bound_;
  OpeningSums sums_;
  int64_t now_ms_ = 0;
};

constexpr DegradedBound kLoss = {
    .window_ms = kWindowMs, .flows_min = 50, .handshake_loss_max = 100'000};
constexpr DegradedBound kLater = {
    .window_ms = kWindowMs, .flows_min = 50, .response_slower_by_max = 100};
constexpr DegradedBound kSlower = {.window_ms = kWindowMs, .flows_min = 50, .slower_by_max = 100};

TEST(Degradation, TwoWindowsThatLoseMoreHandshakesMakeItSo) {
  Windows windows(kLoss);
  for (int i = 0; i < 5; ++i)
    EXPECT_FALSE(windows.pass_usual());

  EXPECT_FALSE(windows.pass(100, 80, 2000));
  EXPECT_TRUE(windows.pass(100, 80, 2000));
}

TEST(Degradation, OneBadWindowAloneDoesNot) {
  Windows windows(kLoss);
  windows.pass_usual();
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(windows.pass(100, 50, 2000));
    EXPECT_FALSE(windows.pass_usual());
  }
}

TEST(Degradation, ALossWithinTheBoundDoesNot) {
  Windows windows(kLoss);
  for (int i = 0; i < 20; ++i)
    EXPECT_FALSE(windows.pass(1000, i < 10 ? 990 : 900, 2000));
}

TEST(Degradation, SlowerHandshakesMakeItSoOnlyBeyondTheBound) {
  Windows windows(kSlower);
  windows.pass_usual();
  EXPECT_FALSE(windows.pass(100, 99, 3900));
  EXPECT_FALSE(windows.pass(100, 99, 6000));
  EXPECT_TRUE(windows.pass(100, 99, 6000));
}

TEST(Degradation, OnlyTheBoundsThatAreStatedAreJudged) {
  Windows by_loss(kLoss);
  Windows by_time(kSlower);
  by_loss.pass_usual();
  by_time.pass_usual();
  for (int i = 0; i < 5; ++i) {
    EXPECT_FALSE(by_loss.pass(100, 99, 60'000));
    EXPECT_FALSE(by_time.pass(100, 1, 2000));
  }
}

TEST(Degradation, LaterFirstResponsesMakeItSoOnlyBeyondTheBound) {
  Windows windows(kLater);
  for (int i = 0; i < 5; ++i)
    EXPECT_FALSE(windows.pass_answered(60, 200'000));
  EXPECT_FALSE(windows.pass_answered(60, 390'000));

  EXPECT_FALSE(windows.pass_answered(60, 2'000'000));
  EXPECT_TRUE(windows.pass_answered(60, 2'000'000));
}

TEST(Degradation, ResponsesOfASampleSpeakForAllFlows) {
  DegradedBound bound = kLater;
  bound.flows_min = 100'000;
  Windows windows(bound);
  const auto pass = [&windows](uint64_t begun, uint64_t us_each) {
    windows.pass_responses(8000, us_each);
    return windows.pass(begun, begun, 2000);
  };
  pass(150'000, 200'000);
  EXPECT_FALSE(pass(150'000, 2'000'000));
  EXPECT_FALSE(pass(90'000, 2'000'000)) << "too few flows";
  EXPECT_TRUE(pass(150'000, 2'000'000));
}

TEST(Degradation, FewResponsesSayNothingAndForgiveNothing) {
  Windows windows(kLater);
  windows.pass_answered(60, 200'000);
  EXPECT_FALSE(windows.pass_answered(29, 2'000'000));
  EXPECT_FALSE(windows.pass_answered(29, 2'000'000));
  EXPECT_FALSE(windows.pass_answered(60, 2'000'000));
  EXPECT_FALSE(windows.pass_answered(0, 0));
  EXPECT_TRUE(windows.pass_answered(60, 2'000'000));
}

TEST(Degradation, HandshakesAreJudgedBesideTooFewResponses) {
  DegradedBound both = kLoss;
  both.response_slower_by_max = 100;
  Windows windows(both);
  windows.pass_usual();

  EXPECT_FALSE(windows.pass(100, 50, 2000));
  EXPECT_TRUE(windows.pass(100, 50, 2000));
}

TEST(Degradation, APoolWhoseResponsesAreInTimeAgainIsTakenBack) {
  Windows windows(kLater);
  windows.pass_answered(60, 200'000);
  windows.pass_answered(60, 2'000'000);
  ASSERT_TRUE(windows.pass_answered(60, 2'000'000));

  EXPECT_TRUE(windows.pass_answered(60, 200'000));
  EXPECT_TRUE(windows.pass_answered(60, 200'000));
  EXPECT_FALSE(windows.pass_answered(60, 200'000));
}

TEST(Degradation, FewFlowsSayNothing) {
  Windows windows(kLoss);
  windows.pass_usual();
  for (int i = 0; i < 10; ++i)
    EXPECT_FALSE(windows.pass(49, 0, 0));
  EXPECT_FALSE(windows.pass(100, 0, 0));
  EXPECT_FALSE(windows.pass_silent()) << "silence lies between";
  EXPECT_TRUE(windows.pass(100, 0, 0)) << "and forgives nothing";
}

TEST(Degradation, APoolThatWasNeverBetterIsNotDegraded) {
  Windows windows(kLoss);
  for (int i = 0; i < 10; ++i)
    EXPECT_FALSE(windows.pass(100, 10, 2000));
}

TEST(Degradation, BadWindowsDoNotBecomeTheUsualOnes) {
  Windows windows(kLoss);
  windows.pass_usual();
  for (int i = 0; i < 100; ++i)
    windows.pass(100, 50, 2000);
  EXPECT_TRUE(windows.pass(100, 50, 2000));
}

TEST(Degradation, ThreeWindowsThatAreNotWorseEndIt) {
  Windows windows(kLoss);
  windows.pass_usual();
  windows.pass(100, 50, 2000);
  ASSERT_TRUE(windows.pass(100, 50, 2000));

  EXPECT_TRUE(windows.pass_usual());
  EXPECT_TRUE(windows.pass_usual());
  EXPECT_TRUE(windows.pass(100, 50, 2000)) << "counts from the beginning";
  EXPECT_TRUE(windows.pass_usual());
  EXPECT_TRUE(windows.pass_usual());
  EXPECT_FALSE(windows.pass_usual());
}

TEST(Degradation, APoolThatFailsAgainStaysAwayTwiceAsLong) {
  Windows windows(kLoss);
  windows.pass_usual();
  for (const int expected : {3, 6, 12, 24, 48, 48}) {
    windows.pass(100, 50, 2000);
    ASSERT_TRUE(windows.pass(100, 50, 2000));
    EXPECT_EQ(windows.silent_windows_to_leave(), expected);
  }
  for (int i = 0; i < 10; ++i)
    EXPECT_FALSE(windows.pass_usual());
  windows.pass(100, 50, 2000);
  ASSERT_TRUE(windows.pass(100, 50, 2000));
  EXPECT_EQ(windows.silent_windows_to_leave(), 3) << "what is long past is forgotten";
}

TEST(Degradation, CountersThatBeginAnewBeginAWindow) {
  DegradationJudge judge;
  judge.judge({.begun = 1000, .completed = 990, .handshake_us = 1'000'000}, kLoss, 0);
  EXPECT_FALSE(judge.judge({.begun = 100, .completed = 0, .handshake_us = 0}, kLoss, kWindowMs));
  EXPECT_FALSE(
      judge.judge({.begun = 200, .completed = 90, .handshake_us = 90'000}, kLoss, 2 * kWindowMs));
  EXPECT_FALSE(
      judge.judge({.begun = 300, .completed = 180, .handshake_us = 180'000}, kLoss, 3 * kWindowMs));
}

TEST(Degradation, NamesTheRouteAndThePoolFromTheNodesCounters) {
  v1::ForwardingTable message = small_table(1, {{"a", "10.77.1.11"}, {"b", "10.77.1.12"}});
  v1::RouteEntry& route = *message.mutable_routes(0);
  Registry registry;
  auto built = build_table(message, nullptr, registry);
  ASSERT_TRUE(built.ok()) << built.status();
  EXPECT_FALSE(Degradation::is_asked_for(*built->table));
  v1::OnDegraded& bound = *route.mutable_on_degraded();
  bound.set_action(v1::OnDegraded::ACTION_FALLBACK);
  bound.mutable_window()->set_seconds(30);
  bound.set_min_flows(50);
  bound.set_handshake_loss(100'000);
  built = build_table(message, built->table.get(), registry);
  ASSERT_TRUE(built.ok()) << built.status();
  ASSERT_TRUE(Degradation::is_asked_for(*built->table));
  Degradation degradation;
  std::vector<TargetCounterValues> counters(registry.target_count() + 1);
  int64_t now_ms = 0;
  const auto pass = [&](uint64_t completed) {
    for (TargetCounterValues& values : counters) {
      values.handshakes_begun += 100;
      values.handshakes_completed += completed;
    }
    return degradation.judge(*built->table, counters, now_ms += kWindowMs);
  };

  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(pass(100).empty());
  EXPECT_TRUE(pass(50).empty());
  EXPECT_EQ(pass(50), (std::set<RoutePool>{{route.name(), "chat-v1"}}));
}

TEST(Degradation, SumsTheResponsesOfThePoolsTargets) {
  v1::ForwardingTable message = small_table(1, {{"a", "10.77.1.11"}, {"b", "10.77.1.12"}});
  v1::RouteEntry& route = *message.mutable_routes(0);
  v1::OnDegraded& bound = *route.mutable_on_degraded();
  bound.set_action(v1::OnDegraded::ACTION_FALLBACK);
  bound.mutable_window()->set_seconds(30);
  bound.set_min_flows(50);
  bound.set_response_slower_by(100);
  Registry registry;
  const auto built = build_table(message, nullptr, registry);
  ASSERT_TRUE(built.ok()) << built.status();
  Degradation degradation;
  std::vector<TargetCounterValues> counters(registry.target_count() + 1);
  int64_t now_ms = 0;
  const auto pass = [&](uint64_t us_each) {
    for (TargetCounterValues& values : counters) {
      values.handshakes_begun += 30;
      values.responses += 30;
      values.response_us += 30 * us_each;
    }
    return degradation.judge(*built->table, counters, now_ms += kWindowMs);
  };

  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(pass(1000).empty());
  EXPECT_TRUE(pass(3000).empty());
  EXPECT_EQ(pass(3000), (std::set<RoutePool>{{route.name(), "chat-v1"}}));
}

}  // namespace
}  // namespace sluice::dataplane

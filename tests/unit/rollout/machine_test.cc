// SPDX-License-Identifier: Apache-2.0
//
// Every road through the state machine of a rollout.
#include "controlplane/rollout/machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/rollout/rollout_fixture.h"

namespace sluice::controlplane {
namespace {

using ::testing::HasSubstr;
using Action = v1::SteerRolloutRequest;

class RolloutMachine : public ::testing::Test {
 protected:
  void tick(absl::Duration after, const RolloutEvidence& seen) {
    now_ += after;
    RolloutEvidence now_seen = seen;
    *now_seen.verdict.mutable_time() = to_timestamp(now_);
    outcome_ = advance(status_, rollout_, now_, now_seen);
    status_ = outcome_.status;
  }
  absl::Status ask(Action::Action action, bool to_the_end = false) {
    v1::SteerRolloutRequest request = command(action);
    request.set_to_the_end(to_the_end);
    const absl::StatusOr<RolloutOutcome> outcome = steer(status_, rollout_, now_, request);
    if (outcome.ok()) status_ = outcome->status;
    if (outcome.ok()) outcome_ = *outcome;
    return outcome.status();
  }
  void start() { tick(absl::ZeroDuration(), passing(now_)); }
  void expect(v1::RolloutPhase phase, uint32_t step, uint32_t weight) {
    EXPECT_EQ(phase_text(status_.phase()), phase_text(phase)) << status_.reason();
    EXPECT_EQ(status_.step(), step);
    EXPECT_EQ(status_.weight(), weight);
  }
  std::string last_move() const { return outcome_.moves.empty() ? "" : outcome_.moves.back().kind; }

  v1::Rollout rollout_ = three_steps();
  absl::Time now_ = kStart;
  v1::RolloutStatus status_ = pending_status(rollout_);
  RolloutOutcome outcome_;
  const absl::Duration minute_ = absl::Minutes(1);
};

TEST_F(RolloutMachine, AHealthyCandidateClimbsStepByStepAndHoldsTheLastShare) {
  start();
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 0, 10'000);
  EXPECT_EQ(last_move(), "start");
  tick(minute_, passing(now_));
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 1, 100'000);
  EXPECT_EQ(last_move(), "step");
  tick(minute_, passing(now_));
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 2, 1'000'000);
  tick(minute_, passing(now_));
  expect(v1::ROLLOUT_PHASE_SUCCEEDED, 2, 1'000'000);
  EXPECT_EQ(last_move(), "success");

  tick(absl::Hours(100), failing(now_));
  expect(v1::ROLLOUT_PHASE_SUCCEEDED, 2, 1'000'000);
}

TEST_F(RolloutMachine, WhatIsDeclaredPausedWaitsForItsStart) {
  rollout_.mutable_spec()->set_paused(true);
  tick(minute_, passing(now_));
  expect(v1::ROLLOUT_PHASE_PENDING, 0, 0);
  ASSERT_TRUE(ask(Action::ACTION_START).ok());
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 0, 10'000);
}

TEST_F(RolloutMachine, NoClientIsSentToACandidateThatDoesNotServeYet) {
  RolloutEvidence seen = no_data(now_);
  v1::RolloutCheck& health = *seen.verdict.add_checks();
  health.set_name("min_up");
  health.set_result(v1::RolloutVerdict::RESULT_FAIL);
  health.set_message("0 of 1 backends up on edge-1");
  tick(minute_, seen);
  expect(v1::ROLLOUT_PHASE_PENDING, 0, 0);
  EXPECT_THAT(status_.reason(), HasSubstr("waits for the candidate to serve: 0 of 1"));

  seen.verdict.mutable_checks(1)->set_result(v1::RolloutVerdict::RESULT_PASS);
  tick(minute_, seen);
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 0, 10'000);
}

TEST_F(RolloutMachine, AStepIsHeldForItsTimeItsFlowsAndItsClients) {
  start();
  tick(absl::Seconds(59), passing(now_));
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 0, 10'000);
  tick(absl::Seconds(60), evidence(v1::RolloutVerdict::RESULT_PASS, now_, 99, 20));
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 0, 10'000);
  EXPECT_EQ(status_.reason(), "waits for 100 new flows");
  tick(absl::Seconds(60), evidence(v1::RolloutVerdict::RESULT_PASS, now_, 100, 19));
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 0, 10'000);
  EXPECT_EQ(status_.reason(), "waits for 20 clients");
  tick(absl::Seconds(60), evidence(v1::RolloutVerdict::RESULT_PASS, now_, 100, 20));
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 1, 100'000);
}

TEST_F(RolloutMachine, NoDataIsNeverSuccessItPausesUntilThereIsSome) {
  start();
  tick(minute_, no_data(now_));
  expect(v1::ROLLOUT_PHASE_PAUSED, 0, 10'000);
  EXPECT_THAT(status_.reason(), HasSubstr("inconclusive: unanswered: as the test says"));
  EXPECT_EQ(last_move(), "pause");
  tick(absl::Hours(10), no_data(now_));
  expect(v1::ROLLOUT_PHASE_PAUSED, 0, 10'000);
  EXPECT_TRUE(outcome_.moves.empty());
  tick(absl::Seconds(1), passing(now_));
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 1, 100'000);
}

TEST_F(RolloutMachine, AVerdictOfBeforeTheStepSaysNothingAboutIt) {
  start();
  RolloutEvidence old = passing(kStart - absl::Seconds(1));
  now_ += minute_;
  status_ = advance(status_, rollout_, now_, old).status;
  expect(v1::ROLLOUT_PHASE_PAUSED, 0, 10'000);
}

TEST_F(RolloutMachine, AfterItsDeadlineItIsAFailure) {
  *rollout_.mutable_spec()->mutable_deadline() = seconds(600);
  start();
  tick(absl::Seconds(599), no_data(now_));
  expect(v1::ROLLOUT_PHASE_PAUSED, 0, 10'000);
  tick(absl::Seconds(1), no_data(now_));
  expect(v1::ROLLOUT_PHASE_FAILED, 0, 0);
  EXPECT_THAT(status_.reason(), HasSubstr("has not succeeded within its deadline of 10m"));
}

TEST_F(RolloutMachine, AFailureRollsBackInEveryPhaseAndNothingPromotesItAgain) {
  *rollout_.mutable_spec()->mutable_bake() = seconds(60);
  const auto progressing = [&] { start(); };
  const auto paused = [&] {
    start();
    ASSERT_TRUE(ask(Action::ACTION_PAUSE).ok());
  };
  const auto inconclusive = [&] {
    start();
    tick(minute_, no_data(now_));
  };
  const auto baking = [&] {
    start();
    for (int i = 0; i < 3; ++i)
      tick(minute_, passing(now_));
    ASSERT_EQ(status_.phase(), v1::ROLLOUT_PHASE_BAKING);
  };
  for (const std::function<void()>& reach :
       std::vector<std::function<void()>>{progressing, paused, inconclusive, baking}) {
    status_ = pending_status(rollout_);
    reach();
    tick(absl::Seconds(1), failing(now_));
    EXPECT_EQ(status_.phase(), v1::ROLLOUT_PHASE_FAILED);
    EXPECT_EQ(status_.weight(), 0u);
    EXPECT_EQ(last_move(), "rollback");
    EXPECT_EQ(status_.reason(), "the candidate fails: unanswered: as the test says");
    for (int i = 0; i < 1000; ++i)
      tick(minute_, passing(now_));
    EXPECT_EQ(status_.phase(), v1::ROLLOUT_PHASE_FAILED);
    EXPECT_EQ(status_.weight(), 0u);
  }
}

TEST_F(RolloutMachine, OnFailurePauseHoldsTheShareUntilAPersonDecides) {
  rollout_.mutable_spec()->set_on_failure(v1::RolloutSpec::ON_FAILURE_PAUSE);
  start();
  tick(absl::Seconds(5), failing(now_));
  expect(v1::ROLLOUT_PHASE_PAUSED, 0, 10'000);
  tick(minute_, failing(now_));
  EXPECT_TRUE(outcome_.moves.empty());
  const absl::Status refused = ask(Action::ACTION_PROMOTE);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("rollout v2 cannot be promoted: the candidate fails"));
  tick(minute_, passing(now_));
  expect(v1::ROLLOUT_PHASE_PAUSED, 0, 10'000);
  ASSERT_TRUE(ask(Action::ACTION_RESUME).ok());
  tick(absl::Seconds(1), passing(now_));
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 1, 100'000);
}

TEST_F(RolloutMachine, AStepsPauseWaitsForAPromote) {
  rollout_.mutable_spec()->mutable_steps(0)->set_pause(true);
  start();
  tick(minute_, passing(now_));
  expect(v1::ROLLOUT_PHASE_PAUSED, 0, 10'000);
  EXPECT_THAT(status_.reason(), HasSubstr("waits for `sluice rollout promote`"));
  tick(minute_, passing(now_));
  expect(v1::ROLLOUT_PHASE_PAUSED, 0, 10'000);
  ASSERT_TRUE(ask(Action::ACTION_PROMOTE).ok());
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 1, 100'000);
}

TEST_F(RolloutMachine, APersonsPauseOutlivesGoodEvidence) {
  start();
  ASSERT_TRUE(ask(Action::ACTION_PAUSE).ok());
  tick(absl::Hours(1), passing(now_));
  expect(v1::ROLLOUT_PHASE_PAUSED, 0, 10'000);
  ASSERT_TRUE(ask(Action::ACTION_RESUME).ok());
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 0, 10'000);
}

TEST_F(RolloutMachine, PromotedToTheEndItTakesTheLastStepAtOnceAndIsStillJudged) {
  start();
  ASSERT_TRUE(ask(Action::ACTION_PROMOTE, true).ok());
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 2, 1'000'000);
  tick(absl::Seconds(1), failing(now_));
  expect(v1::ROLLOUT_PHASE_FAILED, 2, 0);
}

TEST_F(RolloutMachine, BakesAfterTheLastStepAndNeedsDataForThatToo) {
  *rollout_.mutable_spec()->mutable_bake() = seconds(300);
  start();
  for (int i = 0; i < 3; ++i)
    tick(minute_, passing(now_));
  expect(v1::ROLLOUT_PHASE_BAKING, 2, 1'000'000);
  tick(absl::Seconds(299), passing(now_));
  expect(v1::ROLLOUT_PHASE_BAKING, 2, 1'000'000);
  tick(absl::Seconds(1), no_data(now_));
  expect(v1::ROLLOUT_PHASE_BAKING, 2, 1'000'000);
  tick(absl::Seconds(1), passing(now_));
  expect(v1::ROLLOUT_PHASE_SUCCEEDED, 2, 1'000'000);
}

TEST_F(RolloutMachine, AnAbortGoesBackAndStaysThere) {
  start();
  ASSERT_TRUE(ask(Action::ACTION_ABORT).ok());
  expect(v1::ROLLOUT_PHASE_ABORTED, 0, 0);
  tick(absl::Hours(1), passing(now_));
  expect(v1::ROLLOUT_PHASE_ABORTED, 0, 0);
  ASSERT_TRUE(ask(Action::ACTION_START).ok());
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 0, 10'000);
}

TEST_F(RolloutMachine, EveryCommandInAWrongPhaseSaysSo) {
  struct Case {
    Action::Action action;
    const char* message;
  };
  for (const Case& one : {Case{Action::ACTION_PAUSE, "rollout v2 is pending: it cannot be paused"},
                          Case{Action::ACTION_RESUME, "it cannot be resumed; only a paused one"},
                          Case{Action::ACTION_PROMOTE, "it cannot be promoted; start it first"},
                          Case{Action::ACTION_ABORT, "it cannot be aborted; the candidate gets"}}) {
    const absl::Status status = ask(one.action);
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(status.message()), HasSubstr(one.message));
    expect(v1::ROLLOUT_PHASE_PENDING, 0, 0);
  }
  start();
  EXPECT_THAT(std::string(ask(Action::ACTION_START).message()),
              HasSubstr("is progressing: it cannot be started; it was already"));
  ASSERT_TRUE(ask(Action::ACTION_PAUSE).ok());
  EXPECT_THAT(std::string(ask(Action::ACTION_PAUSE).message()),
              HasSubstr("it waits for a person already"));
  EXPECT_EQ(ask(Action::ACTION_UNSPECIFIED).code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(RolloutMachine, ExistingFlowsAreKeptUnlessItIsSaidOtherwise) {
  start();
  tick(absl::Seconds(1), failing(now_));
  tick(absl::Hours(1), passing(now_));
  EXPECT_FALSE(status_.is_evicting());
  EXPECT_FALSE(status_.has_evict_at());
}

TEST_F(RolloutMachine, ResetEvictsTheCandidatesFlowsAtOnceAndForATime) {
  rollout_.mutable_spec()->mutable_existing_flows()->set_action(v1::ExistingFlows::ACTION_RESET);
  start();
  tick(absl::Seconds(1), failing(now_));
  EXPECT_TRUE(status_.is_evicting());
  tick(absl::Minutes(14), passing(now_));
  EXPECT_TRUE(status_.is_evicting());
  tick(absl::Minutes(1), passing(now_));
  EXPECT_FALSE(status_.is_evicting());
  EXPECT_EQ(last_move(), "evicted");
  tick(absl::Hours(1), passing(now_));
  EXPECT_FALSE(status_.is_evicting());
}

TEST_F(RolloutMachine, ACandidateThatTheRouteItselfNamesIsEvictedBriefly) {
  rollout_.mutable_spec()->mutable_existing_flows()->set_action(v1::ExistingFlows::ACTION_RESET);
  start();
  tick(absl::Seconds(1), failing(now_));
  RolloutEvidence seen = passing(now_);
  seen.candidate_is_shared = true;
  tick(absl::Seconds(9), seen);
  EXPECT_TRUE(status_.is_evicting());
  tick(absl::Seconds(1), seen);
  EXPECT_FALSE(status_.is_evicting());
}

TEST_F(RolloutMachine, MigrateKeepsThemForItsTimeThenEvictsEvenIfNobodyWasThereWhenItWasDue) {
  rollout_.mutable_spec()->mutable_existing_flows()->set_action(v1::ExistingFlows::ACTION_MIGRATE);
  *rollout_.mutable_spec()->mutable_existing_flows()->mutable_after() = seconds(120);
  start();
  ASSERT_TRUE(ask(Action::ACTION_ABORT).ok());
  const v1::RolloutStatus aborted = status_;
  tick(absl::Seconds(119), passing(now_));
  EXPECT_FALSE(status_.is_evicting());
  tick(absl::Seconds(1), passing(now_));
  EXPECT_TRUE(status_.is_evicting());
  EXPECT_EQ(last_move(), "evict");

  status_ = aborted;
  tick(absl::Hours(50), passing(now_));
  EXPECT_TRUE(status_.is_evicting());
  tick(absl::Minutes(15), passing(now_));
  EXPECT_FALSE(status_.is_evicting());
}

TEST_F(RolloutMachine, AClockThatWentBackRestartsTheStep) {
  start();
  tick(absl::Seconds(59), passing(now_));
  tick(-absl::Hours(10), passing(now_));
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 0, 10'000);
  tick(absl::Seconds(59), passing(now_));
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 0, 10'000);
  tick(absl::Seconds(1), passing(now_));
  expect(v1::ROLLOUT_PHASE_PROGRESSING, 1, 100'000);
}

TEST_F(RolloutMachine, WhatCannotBePutIntoForceWaitsForAPerson) {
  start();
  const RolloutOutcome held = hold(status_, "guardrails refuse 10 %");
  EXPECT_EQ(held.status.phase(), v1::ROLLOUT_PHASE_PAUSED);
  EXPECT_TRUE(held.status.is_pause_asked());
  EXPECT_EQ(held.status.weight(), 10'000u);
  EXPECT_EQ(held.moves.front().reason, "guardrails refuse 10 %");
}

}  // namespace
}  // namespace sluice::controlplane

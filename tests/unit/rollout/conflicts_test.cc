// SPDX-License-Identifier: Apache-2.0
//
// Which edits of the policy a rollout forbids, and what the others do to it.
#include "controlplane/rollout/conflicts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/rollout/rollout_fixture.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::Policy make_policy() {
  v1::Policy policy;
  *policy.add_rollouts() = three_steps();
  v1::Route& route = *policy.add_routes();
  route.mutable_metadata()->set_name("chat");
  for (const char* pool : {"blue", "red"}) {
    v1::SplitEntry& entry = *route.mutable_spec()->add_split();
    entry.set_pool(pool);
    entry.set_weight(50);
  }
  return policy;
}

std::vector<v1::RolloutStatus> in_phase(v1::RolloutPhase phase, uint32_t weight) {
  v1::RolloutStatus status = pending_status(three_steps());
  status.set_phase(phase);
  status.set_weight(weight);
  return {status};
}

class Conflicts : public ::testing::Test {
 protected:
  v1::RouteSpec& route() { return *desired_.mutable_routes(0)->mutable_spec(); }
  v1::RolloutSpec& rollout() { return *desired_.mutable_rollouts(0)->mutable_spec(); }

  const v1::Policy running_ = make_policy();
  v1::Policy desired_ = make_policy();
};

TEST_F(Conflicts, ASplitThatALiveRolloutDividesCannotBeEdited) {
  route().mutable_split(1)->set_weight(51);
  for (const v1::RolloutPhase phase :
       {v1::ROLLOUT_PHASE_PROGRESSING, v1::ROLLOUT_PHASE_PAUSED, v1::ROLLOUT_PHASE_BAKING}) {
    EXPECT_THAT(conflicts(in_phase(phase, 10'000), running_, desired_),
                ElementsAre(HasSubstr("Route/chat: its split is divided by Rollout/v2, which is " +
                                      phase_text(phase))));
  }
  for (const v1::RolloutPhase phase : {v1::ROLLOUT_PHASE_PENDING, v1::ROLLOUT_PHASE_SUCCEEDED,
                                       v1::ROLLOUT_PHASE_FAILED, v1::ROLLOUT_PHASE_ABORTED}) {
    EXPECT_THAT(conflicts(in_phase(phase, 0), running_, desired_), IsEmpty());
  }
}

TEST_F(Conflicts, TheSeedAndThePoolsAreTheSplitTheRestOfTheRouteIsNot) {
  const auto live = in_phase(v1::ROLLOUT_PHASE_PROGRESSING, 10'000);
  route().set_split_seed("other");
  EXPECT_EQ(conflicts(live, running_, desired_).size(), 1u);
  desired_ = running_;
  route().add_split()->set_pool("white");
  EXPECT_EQ(conflicts(live, running_, desired_).size(), 1u);
  desired_ = running_;
  route().add_fallback("red");
  route().set_split_seed("chat");
  std::swap(*route().mutable_split(0), *route().mutable_split(1));
  EXPECT_THAT(conflicts(live, running_, desired_), IsEmpty());
}

TEST_F(Conflicts, DeletingTheRolloutWithTheEditIsNone) {
  route().mutable_split(1)->set_weight(51);
  desired_.clear_rollouts();
  const auto live = in_phase(v1::ROLLOUT_PHASE_PROGRESSING, 10'000);
  EXPECT_THAT(conflicts(live, running_, desired_), IsEmpty());
  EXPECT_THAT(statuses_under(live, running_, desired_), IsEmpty());
}

TEST_F(Conflicts, ReapplyingTheSameObjectKeepsAFailureAndAChangedOneStartsAnew) {
  const auto failed = in_phase(v1::ROLLOUT_PHASE_FAILED, 0);
  ASSERT_EQ(statuses_under(failed, running_, desired_).size(), 1u);
  EXPECT_EQ(statuses_under(failed, running_, desired_)[0].phase(), v1::ROLLOUT_PHASE_FAILED);
  rollout().mutable_steps(0)->set_weight(20'000);
  EXPECT_THAT(statuses_under(failed, running_, desired_), IsEmpty());
}

TEST_F(Conflicts, DeclaringItPausedPausesItAndBack) {
  rollout().set_paused(true);
  const auto paused =
      statuses_under(in_phase(v1::ROLLOUT_PHASE_PROGRESSING, 10'000), running_, desired_);
  ASSERT_EQ(paused.size(), 1u);
  EXPECT_EQ(paused[0].phase(), v1::ROLLOUT_PHASE_PAUSED);
  EXPECT_TRUE(paused[0].is_pause_asked());
  EXPECT_EQ(paused[0].weight(), 10'000u);

  const auto resumed = statuses_under(paused, desired_, running_);
  EXPECT_EQ(resumed[0].phase(), v1::ROLLOUT_PHASE_PROGRESSING);
  EXPECT_FALSE(resumed[0].is_pause_asked());
  const auto failed = statuses_under(in_phase(v1::ROLLOUT_PHASE_FAILED, 0), desired_, running_);
  EXPECT_EQ(failed[0].phase(), v1::ROLLOUT_PHASE_FAILED);
}

TEST_F(Conflicts, ASucceededRolloutHoldsItsShareUntilTheSplitIsEdited) {
  const auto succeeded = in_phase(v1::ROLLOUT_PHASE_SUCCEEDED, 1'000'000);
  EXPECT_EQ(statuses_under(succeeded, running_, desired_)[0].weight(), 1'000'000u);
  route().mutable_split(0)->set_pool("green");
  const auto after = statuses_under(succeeded, running_, desired_);
  EXPECT_EQ(after[0].weight(), 0u);
  EXPECT_EQ(after[0].phase(), v1::ROLLOUT_PHASE_SUCCEEDED);
}

TEST_F(Conflicts, AnOlderPolicyBringsRolloutsBackAborted) {
  v1::Policy without = running_;
  without.clear_rollouts();

  const auto back = statuses_back_under({}, without, running_, {});

  ASSERT_EQ(back.size(), 1u);
  EXPECT_EQ(back[0].phase(), v1::ROLLOUT_PHASE_ABORTED);
  EXPECT_THAT(statuses_back_under({}, running_, running_, {}), IsEmpty()) << "it was never started";
  const auto live = in_phase(v1::ROLLOUT_PHASE_PROGRESSING, 10'000);
  EXPECT_EQ(statuses_back_under(live, running_, running_, {})[0].phase(),
            v1::ROLLOUT_PHASE_PROGRESSING);
}

// How far `three_steps` was when each of some revisions was replaced.
std::vector<v1::ListRolloutsResponse> past_of(
    const std::vector<std::vector<v1::RolloutStatus>>& revisions) {
  std::vector<v1::ListRolloutsResponse> past;
  for (const auto& statuses : revisions)
    *past.emplace_back().mutable_rollouts() = {statuses.begin(), statuses.end()};
  return past;
}

TEST_F(Conflicts, ASucceededRolloutComesBackSucceededUnlessItFailedSince) {
  v1::Policy without = running_;
  without.clear_rollouts();
  const auto succeeded = in_phase(v1::ROLLOUT_PHASE_SUCCEEDED, 1'000'000);
  const auto back_with = [&](const std::vector<std::vector<v1::RolloutStatus>>& past) {
    return statuses_back_under({}, without, running_, past_of(past));
  };

  ASSERT_EQ(back_with({succeeded, {}}).size(), 1u);
  EXPECT_EQ(back_with({succeeded, {}})[0].phase(), v1::ROLLOUT_PHASE_SUCCEEDED);
  EXPECT_EQ(back_with({succeeded, {}})[0].weight(), 1'000'000u);
  for (const v1::RolloutPhase phase : {v1::ROLLOUT_PHASE_FAILED, v1::ROLLOUT_PHASE_ABORTED}) {
    EXPECT_EQ(back_with({succeeded, in_phase(phase, 0), {}})[0].phase(), v1::ROLLOUT_PHASE_ABORTED);
    EXPECT_EQ(back_with({in_phase(phase, 0), {}})[0].phase(), v1::ROLLOUT_PHASE_ABORTED);
  }
  const auto live = in_phase(v1::ROLLOUT_PHASE_PROGRESSING, 10'000);
  EXPECT_EQ(back_with({live, succeeded, {}})[0].phase(), v1::ROLLOUT_PHASE_ABORTED)
      << "it had not succeeded yet under the revision that comes back";
}

TEST_F(Conflicts, ASucceededRolloutHoldsItsShareAgainWhenTheEditOfItsSplitIsTakenBack) {
  v1::Policy edited = running_;
  edited.mutable_routes(0)->mutable_spec()->mutable_split(1)->set_weight(51);
  const auto succeeded = in_phase(v1::ROLLOUT_PHASE_SUCCEEDED, 1'000'000);
  const auto meanwhile = statuses_under(succeeded, running_, edited);
  ASSERT_EQ(meanwhile[0].weight(), 0u);

  const auto back = statuses_back_under(meanwhile, edited, running_, past_of({succeeded, {}}));

  EXPECT_EQ(back[0].phase(), v1::ROLLOUT_PHASE_SUCCEEDED);
  EXPECT_EQ(back[0].weight(), 1'000'000u);
  const auto aborted = in_phase(v1::ROLLOUT_PHASE_ABORTED, 0);
  EXPECT_EQ(statuses_back_under(aborted, edited, running_, past_of({succeeded, {}}))[0].phase(),
            v1::ROLLOUT_PHASE_ABORTED);
}

// A pause by command is no part of a revision.
TEST_F(Conflicts, WhatAPersonCommandedStandsThroughAWayBack) {
  auto paused = in_phase(v1::ROLLOUT_PHASE_PAUSED, 10'000);
  paused[0].set_is_pause_asked(true);
  paused[0].set_reason("asked for");
  const auto resumed = in_phase(v1::ROLLOUT_PHASE_PROGRESSING, 10'000);

  EXPECT_EQ(statuses_back_under(resumed, running_, running_, past_of({paused, {}}))[0].phase(),
            v1::ROLLOUT_PHASE_PROGRESSING);
  EXPECT_EQ(statuses_back_under(paused, running_, running_, past_of({resumed, {}}))[0].phase(),
            v1::ROLLOUT_PHASE_PAUSED);
}

TEST_F(Conflicts, WhatAPersonHadPausedIsStartedByNoWayBack) {
  v1::Policy declared = running_;
  declared.mutable_rollouts(0)->mutable_spec()->set_paused(true);
  auto paused = in_phase(v1::ROLLOUT_PHASE_PAUSED, 10'000);
  paused[0].set_is_pause_asked(true);
  paused[0].set_reason("asked for");
  const auto meanwhile = statuses_under(paused, running_, declared);

  const auto back = statuses_back_under(meanwhile, declared, running_, past_of({paused, {}}));

  EXPECT_EQ(back[0].phase(), v1::ROLLOUT_PHASE_PAUSED);
  EXPECT_TRUE(back[0].is_pause_asked());
  EXPECT_EQ(back[0].reason(), "asked for");
}

TEST_F(Conflicts, APauseThatThePolicyDeclaresGoesAndComesWithIt) {
  v1::Policy declared = running_;
  declared.mutable_rollouts(0)->mutable_spec()->set_paused(true);
  const auto live = in_phase(v1::ROLLOUT_PHASE_PROGRESSING, 10'000);
  const auto paused = statuses_under(live, running_, declared);
  ASSERT_EQ(paused[0].phase(), v1::ROLLOUT_PHASE_PAUSED);

  EXPECT_EQ(statuses_back_under(paused, declared, running_, past_of({live, {}}))[0].phase(),
            v1::ROLLOUT_PHASE_PROGRESSING);
}

}  // namespace
}  // namespace sluice::controlplane

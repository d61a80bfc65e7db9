// SPDX-License-Identifier: Apache-2.0
//
// What holds for a rollout whatever people, clocks and restarts do.
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/rollout/rollout_fixture.h"

namespace sluice::controlplane {
namespace {

constexpr int kLives = 3000;
constexpr int kTicks = 200;

class RandomLife {
 public:
  explicit RandomLife(uint64_t seed) : random_(seed) {
    rollout_ = three_steps();
    v1::RolloutSpec& spec = *rollout_.mutable_spec();
    for (v1::RolloutStep& step : *spec.mutable_steps()) {
      *step.mutable_for_() = seconds(pick(0, 90));
      step.set_pause(pick(0, 5) == 0);
      step.set_min_flows(static_cast<uint64_t>(pick(0, 2000)));
    }
    spec.set_paused(pick(0, 1) == 0);
    if (pick(0, 1) == 0) *spec.mutable_bake() = seconds(pick(0, 100));
    if (pick(0, 1) == 0) *spec.mutable_deadline() = seconds(pick(1, 2000));
    if (pick(0, 2) == 0) spec.set_on_failure(v1::RolloutSpec::ON_FAILURE_PAUSE);
    spec.mutable_existing_flows()->set_action(static_cast<v1::ExistingFlows::Action>(pick(0, 3)));
    status_ = pending_status(rollout_);
  }

  void live() {
    for (int i = 0; i < kTicks && !::testing::Test::HasFatalFailure(); ++i) {
      // Clocks go on, stand still, jump either way.
      now_ += absl::Seconds(pick(0, 9) == 0 ? pick(-100'000, 100'000) : pick(0, 40));
      // A restart keeps what is durable and nothing else.
      if (pick(0, 9) == 0) restart();
      pick(0, 7) == 0 ? command_at_random() : tick();
    }
  }

 private:
  int64_t pick(int64_t from, int64_t to) {
    return std::uniform_int_distribution<int64_t>(from, to)(random_);
  }

  void restart() {
    v1::RolloutStatus read;
    ASSERT_TRUE(read.ParseFromString(durable_.SerializeAsString()));
    status_ = durable_.rollout().empty() ? pending_status(rollout_) : read;
  }

  void check_always(const v1::RolloutStatus& before, const v1::RolloutStatus& after) {
    uint32_t last = 0;
    bool is_known = after.weight() == 0;
    for (const v1::RolloutStep& step : rollout_.spec().steps()) {
      is_known = is_known || after.weight() == step.weight();
      last = step.weight();
    }
    ASSERT_TRUE(is_known) << after.weight();
    const bool is_off = after.phase() == v1::ROLLOUT_PHASE_PENDING ||
                        after.phase() == v1::ROLLOUT_PHASE_FAILED ||
                        after.phase() == v1::ROLLOUT_PHASE_ABORTED;
    ASSERT_EQ(after.weight() == 0, is_off) << after.ShortDebugString();
    ASSERT_TRUE(after.phase() != v1::ROLLOUT_PHASE_SUCCEEDED || after.weight() == last);
    ASSERT_FALSE(after.is_evicting() && after.weight() > 0);
    // What is not equal in position is written down; so nothing in force is lost by a restart.
    if (!same_position(before, after)) durable_ = after;
    ASSERT_TRUE(
        steers_alike(durable_.rollout().empty() ? pending_status(rollout_) : durable_, after));
  }

  void tick() {
    const auto result = static_cast<v1::RolloutVerdict::Result>(pick(1, 3));
    const RolloutEvidence seen = evidence(result, now_, static_cast<uint64_t>(pick(0, 3000)),
                                          static_cast<uint64_t>(pick(0, 50)));
    const v1::RolloutStatus before = status_;
    status_ = advance(before, rollout_, now_, seen).status;

    if (status_.weight() > before.weight()) {
      const bool starts = before.phase() == v1::ROLLOUT_PHASE_PENDING;
      ASSERT_TRUE(starts || result == v1::RolloutVerdict::RESULT_PASS);
      ASSERT_NE(before.phase(), v1::ROLLOUT_PHASE_FAILED);
      ASSERT_NE(before.phase(), v1::ROLLOUT_PHASE_ABORTED);
      ASSERT_FALSE(before.is_pause_asked());
      ASSERT_FALSE(rollout_.spec().paused() && starts);
      ASSERT_TRUE(starts || status_.step() == before.step() + 1);
      const v1::RolloutStep& left = rollout_.spec().steps(static_cast<int>(before.step()));
      ASSERT_TRUE(starts || seen.flows >= left.min_flows());
    }
    const bool rolls_back = rollout_.spec().on_failure() != v1::RolloutSpec::ON_FAILURE_PAUSE;
    if (is_live(before) && result == v1::RolloutVerdict::RESULT_FAIL) {
      ASSERT_EQ(status_.phase(), rolls_back ? v1::ROLLOUT_PHASE_FAILED : v1::ROLLOUT_PHASE_PAUSED);
    }
    if (before.phase() == v1::ROLLOUT_PHASE_FAILED || before.phase() == v1::ROLLOUT_PHASE_ABORTED) {
      ASSERT_EQ(status_.phase(), before.phase());
    }
    if (status_.phase() == v1::ROLLOUT_PHASE_SUCCEEDED &&
        before.phase() != v1::ROLLOUT_PHASE_SUCCEEDED) {
      ASSERT_EQ(result, v1::RolloutVerdict::RESULT_PASS);
    }
    check_always(before, status_);
  }

  void command_at_random() {
    v1::SteerRolloutRequest request =
        command(static_cast<v1::SteerRolloutRequest::Action>(pick(0, 5)));
    request.set_to_the_end(pick(0, 3) == 0);
    const v1::RolloutStatus before = status_;
    const absl::StatusOr<RolloutOutcome> outcome = steer(before, rollout_, now_, request);
    if (!outcome.ok()) return;
    status_ = outcome->status;
    if (status_.weight() > before.weight()) {
      ASSERT_TRUE(request.action() == v1::SteerRolloutRequest::ACTION_START ||
                  request.action() == v1::SteerRolloutRequest::ACTION_PROMOTE);
      const bool promotes = request.action() == v1::SteerRolloutRequest::ACTION_PROMOTE;
      ASSERT_FALSE(promotes && before.verdict().result() == v1::RolloutVerdict::RESULT_FAIL);
    }
    check_always(before, status_);
  }

  std::mt19937_64 random_;
  v1::Rollout rollout_;
  absl::Time now_ = kStart;
  v1::RolloutStatus status_;
  v1::RolloutStatus durable_;
};

TEST(RolloutProperties, TheWeightNeverRisesWithoutPassNorAfterAFailureWhateverHappens) {
  for (uint64_t seed = 1; seed <= kLives; ++seed) {
    SCOPED_TRACE(seed);
    RandomLife(seed).live();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::controlplane

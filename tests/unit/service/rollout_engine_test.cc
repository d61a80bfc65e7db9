// SPDX-License-Identifier: Apache-2.0
//
// A rollout over nodes, store and change service, from its start to its rollback.
#include "controlplane/service/rollout_engine.h"

#include <gmock/gmock.h>

#include "controlplane/rollout/machine.h"
#include "controlplane/rollout/proto_time.h"
#include "tests/unit/service/change_fixture.h"

namespace sluice::controlplane {
namespace {

using testing::eventually;
using ::testing::HasSubstr;

constexpr char kRollout[] = R"(
kind: Rollout
metadata: {name: v2}
spec:
  {route: chat, stable: blue, candidate: green, paused: true,
   steps: [{weight: 10000}, {weight: 20000, for: 1h}], analysis: {age: 1s}}
)";

class RolloutEngineTest : public ChangeFixture {
 protected:
  void SetUp() override {
    ChangeFixture::SetUp();
    apply(kPolicy);
    apply(kRollout);
    start_engine();
  }
  void start_engine() {
    engine_ = std::make_unique<RolloutEngine>(*changes_, *fleet_, [](const v1::Event&) {});
  }
  void restart() {
    engine_.reset();
    close();
    open();
    start_engine();
  }

  // Flows of 20 clients on each side, which opened just long enough ago to be judged.
  void observe(bool answers) {
    std::vector<v1::FlowObservation> observations;
    for (uint8_t client = 0; client < 40; ++client) {
      v1::FlowObservation& flow = observations.emplace_back();
      flow.set_rollout("v2");
      flow.set_is_candidate(client % 2 == 0);
      flow.set_client(std::string("\x0a\x00\x00", 3) + static_cast<char>(client));
      *flow.mutable_start_time() = to_timestamp(absl::Now() - absl::Seconds(1));
      flow.set_age_ms(1000);
      flow.set_handshake_us(5000);
      flow.set_request_bytes(100);
      if (flow.is_candidate() && !answers) continue;
      flow.set_response_us(20'000);
      flow.set_response_bytes(1000);
    }
    one_.add_observations(observations);
  }

  v1::RolloutStatus shown() { return engine_->runner().list("v2")->rollouts(0); }

  // Looks with that traffic until the rollout is at that step in that phase.
  bool reaches(v1::RolloutPhase phase, uint32_t step, bool answers) {
    return eventually([&] {
      observe(answers);
      engine_->runner().tick();
      return shown().phase() == phase && shown().step() == step;
    });
  }

  // That are durable.
  std::vector<std::string> events() {
    v1::ListEventsRequest request;
    request.set_kind("rollout.");
    std::vector<std::string> texts;
    const auto events = EventLog(store_->shared()).list(request);
    for (const v1::Event& event : *events)
      texts.push_back(event.kind() + " by " + event.actor());
    return texts;
  }

  std::unique_ptr<RolloutEngine> engine_;
};

TEST_F(RolloutEngineTest, AGoodStepIsLeftAndABadOneRolledBackAlsoByAnotherController) {
  v1::SteerRolloutRequest start;
  start.set_rollout("v2");
  start.set_action(v1::SteerRolloutRequest::ACTION_START);
  ASSERT_TRUE(engine_->runner().steer(start, "ann").ok());
  EXPECT_EQ(store_->load()->rollouts[0].weight(), 10'000u);

  ASSERT_TRUE(reaches(v1::ROLLOUT_PHASE_PROGRESSING, 1, true)) << shown().ShortDebugString();
  EXPECT_EQ(store_->load()->rollouts[0].weight(), 20'000u);
  restart();
  EXPECT_EQ(shown().weight(), 20'000u);

  ASSERT_TRUE(reaches(v1::ROLLOUT_PHASE_FAILED, 1, false)) << shown().ShortDebugString();
  EXPECT_THAT(shown().reason(), HasSubstr("no_response: 100.0 %, stable pool 0.0 %"));
  EXPECT_EQ(store_->load()->rollouts[0].weight(), 0u);
  EXPECT_TRUE(eventually(
      [this] { return one_.running().generation() == changes_->running()->generation; }));
  EXPECT_THAT(events(), ::testing::ElementsAre(
                            "rollout.start by ann", "rollout.pause by rollout/v2",
                            "rollout.step by rollout/v2", "rollout.rollback by rollout/v2"));
}

TEST_F(RolloutEngineTest, ItsThreadsStartAndEnd) {
  engine_->start();
  EXPECT_TRUE(eventually([this] { return !shown().reason().empty(); }));
  engine_->stop();
}

}  // namespace
}  // namespace sluice::controlplane

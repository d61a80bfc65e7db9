// SPDX-License-Identifier: Apache-2.0
//
// Rollouts from declaration to their end, over a fleet and a store that the test plays.
#include "controlplane/rollout/runner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/unit/rollout/traffic_model.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Action = v1::SteerRolloutRequest;

v1::Policy make_policy() {
  v1::Policy policy;
  v1::Rollout& rollout = *policy.add_rollouts();
  rollout = three_steps();
  for (const char* name : {"blue", "green"}) {
    v1::Pool& pool = *policy.add_pools();
    pool.mutable_metadata()->set_name(name);
    pool.mutable_spec()->add_backends()->set_name("a");
  }
  v1::Service& service = *policy.add_services();
  service.mutable_metadata()->set_name("web");
  service.mutable_spec()->add_ports("tcp/80");
  v1::Route& route = *policy.add_routes();
  route.mutable_metadata()->set_name("chat");
  route.mutable_spec()->set_service("web");
  v1::SplitEntry& entry = *route.mutable_spec()->add_split();
  entry.set_pool("blue");
  entry.set_weight(1);
  return policy;
}

v1::FlowObservation to_message(const ObservedFlow& flow) {
  v1::FlowObservation message;
  message.set_rollout("v2");
  message.set_is_candidate(flow.is_candidate);
  std::string client(8, '\0');
  for (size_t i = 0; i < 8; ++i)
    client[i] = static_cast<char>(flow.client >> (56 - 8 * i));
  message.set_client(client);
  *message.mutable_start_time() = to_timestamp(flow.start);
  message.set_age_ms(flow.age_ms);
  message.set_handshake_us(flow.handshake_us);
  message.set_request_bytes(flow.request_bytes);
  message.set_response_us(flow.response_us);
  message.set_response_bytes(flow.response_bytes);
  message.set_is_reconnect(flow.is_reconnect);
  return message;
}

class Runner : public ::testing::Test {
 protected:
  void SetUp() override { restart(); }

  // As a controller that was killed: only the store is left.
  void restart() {
    runner_ = std::make_unique<RolloutRunner>(
        RolloutPorts{
            .clock = [this] { return now_; },
            .running =
                [this] {
                  return RolloutState{revision_, std::make_shared<v1::Policy>(policy_), stored_};
                },
            .nodes = [this] { return std::vector<v1::NodeEntry>{node()}; },
            .observations = [this] { return std::exchange(observations_, {}); },
            .publish =
                [this](const v1::RolloutStatus& status, uint64_t revision,
                       const std::vector<v1::Event>& events) {
                  return publish(status, revision, events);
                },
            .emit = [this](const v1::Event& event) { events_.push_back(event); },
        },
        metrics_);
  }

  // As the store does: the status and what tells of it, or neither.
  absl::StatusOr<uint64_t> publish(const v1::RolloutStatus& status, uint64_t revision,
                                   const std::vector<v1::Event>& events) {
    EXPECT_EQ(revision, revision_);
    if (!refusal_.ok() && status.weight() > weight()) return refusal_;
    if (!breakdown_.ok()) return breakdown_;
    stored_ = {status};
    events_.insert(events_.end(), events.begin(), events.end());
    return ++generation_;
  }

  v1::NodeEntry node() const {
    v1::NodeEntry entry;
    entry.set_name("edge-1");
    entry.set_connected(true);
    entry.set_target_generation(7);
    entry.mutable_status()->set_generation(7);
    v1::BackendStatus& backend = *entry.mutable_status()->add_backends();
    backend.set_pool("green");
    backend.set_backend("a");
    backend.set_state(is_up_ ? v1::BACKEND_STATE_UP : v1::BACKEND_STATE_DOWN);
    return entry;
  }

  // One look per second, with traffic while there is a candidate.
  void pass(int seconds) {
    for (int i = 0; i < seconds; ++i) {
      now_ += absl::Seconds(1);
      std::deque<ObservedFlow> flows;
      // A node tells of a flow when it has the age.
      if (weight() > 0) {
        Traffic(model_, ++seed_).run(now_ - absl::Seconds(4), now_ - absl::Seconds(3), flows);
      }
      for (const ObservedFlow& flow : flows)
        observations_.push_back(to_message(flow));
      runner_->tick();
    }
  }

  uint32_t weight() const { return stored_.empty() ? 0 : stored_[0].weight(); }
  v1::RolloutStatus shown() { return runner_->list("v2")->rollouts(0); }
  std::vector<std::string> kinds() const {
    std::vector<std::string> kinds;
    for (const v1::Event& event : events_)
      kinds.push_back(event.kind());
    return kinds;
  }
  absl::Status steer(Action::Action action, const std::string& name = "v2") {
    v1::SteerRolloutRequest request = command(action, "because");
    request.set_rollout(name);
    return runner_->steer(request, "ann").status();
  }

  v1::Policy policy_ = make_policy();
  v1::RolloutSpec& spec_ = *policy_.mutable_rollouts(0)->mutable_spec();
  absl::Time now_ = kStart;
  uint64_t revision_ = 3;
  uint64_t generation_ = 10;
  bool is_up_ = true;
  TrafficModel model_;
  uint64_t seed_ = 0;
  absl::Status refusal_;    // of more weight
  absl::Status breakdown_;  // of everything
  std::vector<v1::RolloutStatus> stored_;
  std::vector<v1::FlowObservation> observations_;
  std::vector<v1::Event> events_;
  MetricStore metrics_;
  std::unique_ptr<RolloutRunner> runner_;
};

TEST_F(Runner, TakesAHealthyCandidateToTheEnd) {
  pass(200);
  EXPECT_EQ(phase_text(shown().phase()), "succeeded") << shown().ShortDebugString();
  EXPECT_EQ(weight(), 1'000'000u);
  EXPECT_THAT(kinds(),
              ElementsAre("rollout.start", "rollout.step", "rollout.step", "rollout.success"));
  EXPECT_EQ(events_[1].actor(), "rollout/v2");
  EXPECT_EQ(events_[1].target(), "rollout/v2");
  EXPECT_EQ(events_[1].details().at("weight"), "100000");
}

TEST_F(Runner, RollsABadCandidateBackWithinThirtySecondsOfItsOnset) {
  pass(30);
  for (const Behaviour behaviour :
       {Behaviour::kResetsSome, Behaviour::kAnswersLate, Behaviour::kStaysSilent}) {
    stored_.clear();
    restart();
    model_ = {};
    pass(30);
    ASSERT_GT(weight(), 0u);
    model_.candidate = behaviour;
    model_.onset = now_;
    int seconds = 0;
    while (weight() > 0 && seconds < 60) {
      pass(1);
      ++seconds;
    }
    EXPECT_LE(seconds, 25) << static_cast<int>(behaviour);
    EXPECT_EQ(phase_text(shown().phase()), "failed");
    EXPECT_EQ(events_.back().kind(), "rollout.rollback");
    model_.candidate = Behaviour::kHealthy;
    pass(100);
    EXPECT_EQ(weight(), 0u);
  }
}

TEST_F(Runner, AControllerKilledInAnyPhaseGoesOnRightly) {
  *spec_.mutable_bake() = seconds(60);
  const auto progressing = [&] { pass(70); };
  const auto paused = [&] {
    pass(70);
    ASSERT_TRUE(steer(Action::ACTION_PAUSE).ok());
  };
  const auto baking = [&] {
    pass(190);
    ASSERT_EQ(phase_text(shown().phase()), "baking");
  };
  for (const std::function<void()>& reach :
       std::vector<std::function<void()>>{progressing, paused, baking}) {
    stored_.clear();
    model_ = {};
    restart();
    reach();
    const v1::RolloutStatus before = shown();

    restart();
    pass(1);
    EXPECT_TRUE(same_position(before, shown())) << shown().ShortDebugString();

    model_.candidate = Behaviour::kStaysSilent;
    pass(4);
    restart();
    pass(25);
    EXPECT_EQ(phase_text(shown().phase()), "failed") << shown().ShortDebugString();
    EXPECT_EQ(weight(), 0u);

    restart();
    model_ = {};
    pass(200);
    EXPECT_EQ(phase_text(shown().phase()), "failed");
    EXPECT_EQ(weight(), 0u);
  }
}

TEST_F(Runner, AControllerThatIsKilledAgainAndAgainStillGetsThere) {
  for (int i = 0; i < 400; ++i) {
    pass(1);
    if (i % 17 == 0) restart();
  }
  EXPECT_EQ(phase_text(shown().phase()), "succeeded") << shown().ShortDebugString();
}

TEST_F(Runner, CandidateBackendsThatDieAreAFailureWithinSeconds) {
  pass(10);
  ASSERT_GT(weight(), 0u);
  is_up_ = false;
  pass(5);
  EXPECT_EQ(weight(), 0u);
  EXPECT_THAT(shown().reason(),
              HasSubstr("the candidate fails: min_up: 0 of 1 backends up on edge-1, min_up is 1"));
}

TEST_F(Runner, ACandidateThatDoesNotServeIsNotStarted) {
  is_up_ = false;
  pass(10);
  EXPECT_TRUE(stored_.empty());
  EXPECT_THAT(shown().reason(), HasSubstr("waits for the candidate to serve"));
  is_up_ = true;
  pass(1);
  EXPECT_EQ(weight(), 10'000u);
}

TEST_F(Runner, WithoutTrafficItIsHeldAndSaysWhy) {
  model_.flows_per_second = 0;
  spec_.mutable_steps(0)->clear_min_flows();
  spec_.mutable_steps(0)->clear_min_clients();
  pass(100);
  EXPECT_EQ(weight(), 10'000u);
  EXPECT_EQ(phase_text(shown().phase()), "paused");
  EXPECT_EQ(shown().reason(), "inconclusive: unanswered: 0 of 10 clients of the candidate");
}

TEST_F(Runner, AStepThatGuardrailsRefuseWaitsForAPerson) {
  pass(30);
  refusal_ = absl::FailedPreconditionError("guardrails refuse this");
  pass(60);
  EXPECT_EQ(weight(), 10'000u);
  EXPECT_EQ(phase_text(shown().phase()), "paused");
  EXPECT_EQ(shown().reason(), "its next step is refused: guardrails refuse this");
  refusal_ = absl::OkStatus();
  pass(60);
  EXPECT_EQ(weight(), 10'000u);
  ASSERT_TRUE(steer(Action::ACTION_RESUME).ok());
  pass(1);
  EXPECT_EQ(weight(), 100'000u);
}

TEST_F(Runner, ARefusedStartIsTriedAgainWithTheNextRevision) {
  refusal_ = absl::FailedPreconditionError("guardrails refuse this");
  pass(10);
  EXPECT_TRUE(stored_.empty());
  EXPECT_THAT(shown().reason(), HasSubstr("is refused: guardrails refuse this"));
  ASSERT_EQ(events_.size(), 1u);
  EXPECT_EQ(events_[0].outcome(), v1::Event::OUTCOME_REFUSED);
  refusal_ = absl::OkStatus();
  pass(10);
  EXPECT_TRUE(stored_.empty());
  ++revision_;
  pass(1);
  EXPECT_EQ(weight(), 10'000u);
}

TEST_F(Runner, ARollbackThatCannotBeWrittenIsTriedUntilItIs) {
  pass(20);
  is_up_ = false;
  breakdown_ = absl::UnavailableError("the disk is full");
  pass(10);
  EXPECT_EQ(weight(), 10'000u);
  EXPECT_THAT(shown().reason(), HasSubstr("not in force yet: the disk is full"));
  breakdown_ = absl::OkStatus();
  is_up_ = true;
  pass(1);
  EXPECT_EQ(weight(), 10'000u) << "it has recovered meanwhile, and nobody was told otherwise";
  is_up_ = false;
  pass(5);
  EXPECT_EQ(weight(), 0u);
}

TEST_F(Runner, PeoplesCommandsAreDurableAndSaidWithTheirName) {
  spec_.set_paused(true);
  pass(5);
  EXPECT_TRUE(stored_.empty());
  ASSERT_TRUE(steer(Action::ACTION_START).ok());
  EXPECT_EQ(weight(), 10'000u);
  EXPECT_EQ(events_.back().actor(), "ann");
  EXPECT_EQ(events_.back().reason(), "because");
  ASSERT_TRUE(steer(Action::ACTION_ABORT).ok());
  restart();
  pass(5);
  EXPECT_EQ(phase_text(shown().phase()), "aborted");
  EXPECT_EQ(steer(Action::ACTION_RESUME).code(), absl::StatusCode::kFailedPrecondition);
  const absl::Status unknown = steer(Action::ACTION_START, "v3");
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(unknown.message(), "there is no rollout \"v3\"; did you mean v2?");
  EXPECT_EQ(runner_->list("x9").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(Runner, ACommandThatIsRefusedChangesNothing) {
  spec_.set_paused(true);
  pass(1);
  refusal_ = absl::FailedPreconditionError("guardrails refuse this");
  EXPECT_EQ(steer(Action::ACTION_START), refusal_);
  EXPECT_TRUE(stored_.empty());
  EXPECT_TRUE(events_.empty());
  EXPECT_EQ(phase_text(shown().phase()), "pending");
}

TEST_F(Runner, AnObjectThatSaysSomethingElseStartsAnew) {
  pass(20);
  is_up_ = false;
  pass(5);
  ASSERT_EQ(phase_text(shown().phase()), "failed");
  is_up_ = true;
  stored_.clear();  // as the change service does
  spec_.mutable_steps(0)->set_weight(20'000);
  ++revision_;
  pass(1);
  EXPECT_EQ(weight(), 20'000u);
}

TEST_F(Runner, PushedMetricsGateTheRollout) {
  v1::RolloutMetric& metric = *spec_.mutable_analysis()->add_metrics();
  metric.set_name("errors");
  metric.set_max(0.05);
  v1::RolloutMetric& asked = *spec_.mutable_analysis()->add_metrics();
  asked.set_name("latency");
  asked.set_max(1);
  asked.mutable_prometheus()->set_url("http://127.0.0.1:9");
  v1::PushMetricRequest push;
  push.set_rollout("v2");
  push.set_metric("errors");
  push.set_value(0.01);
  pass(1);
  EXPECT_TRUE(runner_->push_metric(push).ok());
  metrics_.set("v2", "latency", 0.5, now_);
  pass(30);
  ASSERT_EQ(weight(), 10'000u);
  push.set_value(0.5);
  ASSERT_TRUE(runner_->push_metric(push).ok());
  pass(1);
  EXPECT_EQ(shown().reason(), "the candidate fails: errors: 0.5, at most 0.05");
  EXPECT_EQ(weight(), 0u);

  push.set_metric("error");
  EXPECT_EQ(runner_->push_metric(push).message(),
            "rollout v2 has no metric \"error\"; did you mean errors?");
  push.set_metric("latency");
  EXPECT_THAT(std::string(runner_->push_metric(push).message()),
              HasSubstr("is asked of Prometheus"));
  push.set_metric("errors");
  push.set_value(std::nan(""));
  EXPECT_EQ(runner_->push_metric(push).code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::controlplane

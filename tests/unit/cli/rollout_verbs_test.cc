// SPDX-License-Identifier: Apache-2.0
//
// The verbs about rollouts and shares: what they ask the controller and what they show.
#include <gmock/gmock.h>

#include "tests/unit/cli/cli_fixture.h"

namespace sluice::controlplane::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class RolloutVerbs : public Cli {
 protected:
  RolloutVerbs() {
    v1::Rollout& rollout = *control_.script().policy.mutable_policy()->add_rollouts();
    rollout.mutable_metadata()->set_name("chat-v2");
    v1::RolloutSpec& spec = *rollout.mutable_spec();
    spec.set_route("chat-eu");
    spec.set_stable("chat-v1-eu");
    spec.set_candidate("chat-v2-eu");
    for (const uint32_t weight : {10'000u, 100'000u, 1'000'000u})
      spec.add_steps()->set_weight(weight);
    spec.mutable_steps(1)->mutable_for_()->set_seconds(600);
    spec.mutable_steps(1)->set_min_flows(5000);

    v1::RolloutStatus status;
    status.set_rollout("chat-v2");
    status.set_phase(v1::ROLLOUT_PHASE_PROGRESSING);
    status.set_step(1);
    status.set_weight(100'000);
    status.mutable_started()->set_seconds(1'799'999'000);
    status.mutable_step_started()->set_seconds(1'799'999'820);
    status.set_reason("held for 10m");
    status.set_flows(1200);
    status.set_clients(300);
    status.mutable_verdict()->set_result(v1::RolloutVerdict::RESULT_PASS);
    add_check(status, "no_response", 0.12, 0.002, 0.05);
    add_check(status, "response_time", 2'010'000, 12'000, 1);
    v1::RolloutCheck& metric = *status.mutable_verdict()->add_checks();
    metric.set_name("error_rate");
    metric.set_result(v1::RolloutVerdict::RESULT_NO_DATA);
    metric.set_bound(0.05);
    metric.set_message("no value for 1m");
    *control_.script().rollouts.add_rollouts() = status;
    *control_.script().steered.mutable_status() = status;
  }

  static void add_check(v1::RolloutStatus& status, const std::string& name, double candidate,
                        double stable, double bound) {
    v1::RolloutCheck& check = *status.mutable_verdict()->add_checks();
    check.set_name(name);
    check.set_result(v1::RolloutVerdict::RESULT_FAIL);
    check.set_candidate(candidate);
    check.set_stable(stable);
    check.set_bound(bound);
    check.set_p_value(1e-9);
    check.set_candidate_clients(41);
    check.set_stable_clients(44);
  }
};

TEST_F(RolloutVerbs, StateIsHowFarItIsAndNotWhatThePolicyDeclares) {
  control_.script().policy.mutable_policy()->mutable_rollouts(0)->mutable_spec()->set_paused(true);

  const Outcome now = run({"get", "rollouts"});
  const Outcome then = run({"get", "rollouts", "--revision", "3"});

  EXPECT_THAT(now.out, HasSubstr("progressing"));
  EXPECT_THAT(now.out, Not(HasSubstr("paused")));
  EXPECT_THAT(then.out, Not(HasSubstr("progressing")));
}

TEST_F(RolloutVerbs, StatusShowsTheBarTheStepAndEveryCheckOnce) {
  const Outcome outcome = run({"rollout", "status", "chat-v2"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(control_.script().rollouts_request.name(), "chat-v2");
  EXPECT_THAT(outcome.out, HasSubstr("chat-v2  progressing\n"));
  EXPECT_THAT(outcome.out,
              HasSubstr("[####....................................] 10 % of chat-v1-eu "
                        "on route chat-eu goes to chat-v2-eu\n"));
  EXPECT_THAT(outcome.out,
              HasSubstr("step 2 of 3, for 3m0s of 10m; new flows 1.2k of 5.0k, clients 300\n"));
  EXPECT_THAT(outcome.out, HasSubstr("no_response     FAIL      12.0 %"));
  EXPECT_THAT(outcome.out, HasSubstr("2.01s       12ms     +100 %   <0.0001   41/44"));
  EXPECT_THAT(outcome.out, HasSubstr("error_rate      no data"));
  EXPECT_THAT(outcome.out, HasSubstr("no value for 1m"));
}

TEST_F(RolloutVerbs, WatchingIntoAFileIsNoAnimation) {
  const Outcome outcome = run({"rollout", "status", "chat-v2", "--watch"});

  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, Not(HasSubstr("\x1b")));
  EXPECT_NE(outcome.out.find("chat-v2  progressing"), outcome.out.rfind("chat-v2  progressing"));
}

TEST_F(RolloutVerbs, ListIsATableNamesOrADocument) {
  EXPECT_THAT(run({"rollout", "list"}).out, HasSubstr("chat-v2   progressing   2      10 %"));
  EXPECT_EQ(run({"rollout", "list", "-o", "name"}).out, "chat-v2\n");
  EXPECT_THAT(run({"rollout", "list", "-o", "json"}).out, HasSubstr("\"weight\": 100000"));
  EXPECT_THAT(run({"rollout", "status", "chat-v2", "-o", "yaml"}).out, HasSubstr("step: 1"));
}

TEST_F(RolloutVerbs, EachCommandAsksForItsActionWithTheReason) {
  struct Case {
    const char* word;
    v1::SteerRolloutRequest::Action action;
  };
  for (const Case& one : {Case{"start", v1::SteerRolloutRequest::ACTION_START},
                          Case{"pause", v1::SteerRolloutRequest::ACTION_PAUSE},
                          Case{"resume", v1::SteerRolloutRequest::ACTION_RESUME},
                          Case{"promote", v1::SteerRolloutRequest::ACTION_PROMOTE},
                          Case{"abort", v1::SteerRolloutRequest::ACTION_ABORT}}) {
    const Outcome outcome = run({"rollout", one.word, "chat-v2", "-m", "why"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, "rollout/chat-v2 progressing, step 2, 10 %: held for 10m\n");
    const v1::SteerRolloutRequest& asked = control_.script().steer_request;
    EXPECT_EQ(asked.rollout(), "chat-v2");
    EXPECT_EQ(asked.action(), one.action);
    EXPECT_EQ(asked.message(), "why");
    EXPECT_FALSE(asked.to_the_end());
  }
  run({"rollout", "promote", "chat-v2", "--to-end"});
  EXPECT_TRUE(control_.script().steer_request.to_the_end());
}

TEST_F(RolloutVerbs, RefusalsEndInTheirExitCodes) {
  control_.script().status = {grpc::NOT_FOUND, "there is no rollout \"x\"; did you mean chat-v2?"};
  Outcome outcome = run({"rollout", "abort", "x"});
  EXPECT_EQ(outcome.code, 4);
  EXPECT_THAT(outcome.err, HasSubstr("there is no rollout \"x\"; did you mean chat-v2?"));
  control_.script().status = {grpc::FAILED_PRECONDITION, "rollout chat-v2 is pending"};
  EXPECT_EQ(run({"rollout", "promote", "chat-v2"}).code, 1);
  control_.script().status = {grpc::ABORTED, "rollout chat-v2 was at revision 3"};
  EXPECT_EQ(run({"rollout", "promote", "chat-v2"}).code, 6);
  EXPECT_EQ(run({"rollout", "promote"}).code, 3);
  EXPECT_EQ(run({"rollout"}).code, 3);
}

TEST_F(RolloutVerbs, AMetricIsPushedAsANumber) {
  EXPECT_EQ(run({"rollout", "metric", "chat-v2", "error_rate", "0.012"}).code, 0);
  EXPECT_EQ(control_.script().metric_request.rollout(), "chat-v2");
  EXPECT_EQ(control_.script().metric_request.metric(), "error_rate");
  EXPECT_EQ(control_.script().metric_request.value(), 0.012);
  EXPECT_EQ(run({"rollout", "metric", "chat-v2", "error_rate", "much"}).code, 3);
}

TEST_F(RolloutVerbs, SharesWarnOfADeviationThatIsNoChance) {
  v1::ObservedShares& split = *control_.script().shares.add_splits();
  split.set_service("chat");
  split.set_client_class("eu");
  split.set_route("chat-eu");
  split.set_flows(1000);
  split.set_clients(100);
  split.set_p_value_flows(0.4);
  split.set_p_value_clients(0.2);
  v1::ObservedShare& pool = *split.add_pools();
  pool.set_pool("chat-v1-eu");
  pool.set_configured(900'000);
  pool.set_flows(890);
  pool.set_clients(88);

  Outcome outcome = run({"shares", "chat", "--since", "1h"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_THAT(outcome.out,
              HasSubstr("90.0%        890     89.0%      88        88.0%        0.4000"));
  EXPECT_EQ(control_.script().shares_request.service(), "chat");
  EXPECT_EQ(control_.script().shares_request.since().seconds(), 1'800'000'000 - 3600);

  split.set_p_value_clients(0.0005);
  outcome = run({"shares"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.err,
              HasSubstr("warning: class eu of service chat is not split as route chat-eu says: by "
                        "chance so only with p 0.4000 (flows), 0.0005 (clients)"));
  EXPECT_EQ(run({"shares", "--since", "yesterday"}).code, 3);
  EXPECT_THAT(run({"shares", "-o", "json"}).out, HasSubstr("\"p_value_clients\": 0.0005"));
}

}  // namespace
}  // namespace sluice::controlplane::cli

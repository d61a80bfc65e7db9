// SPDX-License-Identifier: Apache-2.0
//
// Verdicts over simulated traffic: bad candidates are found in time, good ones are left alone.
#include "controlplane/rollout/analysis.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/unit/rollout/traffic_model.h"

namespace sluice::controlplane {
namespace {

using ::testing::HasSubstr;
constexpr auto kPass = v1::RolloutVerdict::RESULT_PASS;
constexpr auto kFail = v1::RolloutVerdict::RESULT_FAIL;
constexpr auto kNoData = v1::RolloutVerdict::RESULT_NO_DATA;

const v1::RolloutCheck& check_of(const v1::RolloutVerdict& verdict, const std::string& name) {
  for (const v1::RolloutCheck& check : verdict.checks()) {
    if (check.name() == name) return check;
  }
  return v1::RolloutCheck::default_instance();
}

v1::RolloutVerdict look_once(const TrafficModel& model, uint64_t seed = 1,
                             const Analyst& analyst = {}) {
  std::deque<ObservedFlow> flows;
  Traffic(model, seed).run(kStart, kStart + absl::Seconds(30), flows);
  return analyst.look(flows, kStart + absl::Seconds(30));
}

// How long after the onset the first look that says FAIL comes, one look per second; each flow is
// observed when it has the age. 60 s: none did.
absl::Duration time_to_failure(TrafficModel model, uint64_t seed) {
  model.onset = kStart + absl::Seconds(60);
  Traffic traffic(model, seed);
  std::deque<ObservedFlow> flows;
  Analyst analyst;
  for (int second = 1; second <= 120; ++second) {
    const absl::Time now = kStart + absl::Seconds(second);
    traffic.run(now - absl::Seconds(1), now, flows);
    const v1::RolloutVerdict verdict = analyst.look(flows, now);
    EXPECT_FALSE(now <= model.onset && verdict.result() == kFail) << verdict.DebugString();
    if (verdict.result() == kFail) return now - model.onset;
  }
  return absl::Seconds(60);
}

TEST(Analysis, FindsEachKindOfBadCandidateWithinTwentyFiveSecondsAtFiftyFlowsPerSecond) {
  for (const Behaviour behaviour : {Behaviour::kResetsSome, Behaviour::kAnswersLate,
                                    Behaviour::kStaysSilent, Behaviour::kRefuses}) {
    for (const int clients : {12, 200, 100'000}) {
      absl::Duration slowest;
      for (uint64_t seed = 1; seed <= 5; ++seed) {
        slowest =
            std::max(slowest, time_to_failure({.clients = clients, .candidate = behaviour}, seed));
      }
      EXPECT_LE(slowest, absl::Seconds(25)) << static_cast<int>(behaviour) << " " << clients;
      RecordProperty("seconds_to_fail_" + std::to_string(static_cast<int>(behaviour)) + "_" +
                         std::to_string(clients) + "_clients",
                     absl::FormatDuration(slowest));
    }
  }
}

TEST(Analysis, AHealthyCandidateIsNotFailedOnceInManyWindows) {
  int failures = 0;
  int inconclusive = 0;
  int windows = 0;
  for (const int clients : {12, 60, 100'000}) {
    for (uint64_t seed = 1; seed <= 500; ++seed, ++windows) {
      const v1::RolloutVerdict verdict = look_once({.clients = clients}, seed);
      failures += verdict.result() == kFail ? 1 : 0;
      inconclusive += verdict.result() == kNoData ? 1 : 0;
    }
  }
  RecordProperty("windows", windows);
  RecordProperty("false_failures", failures);
  RecordProperty("inconclusive", inconclusive);
  EXPECT_EQ(failures, 0);
  EXPECT_LE(inconclusive, windows / 50);
}

TEST(Analysis, ASmallDifferenceBelowTheBoundPasses) {
  int failures = 0;
  int passes = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const v1::RolloutVerdict verdict =
        look_once({.extra_failures = 0.02, .candidate_slowdown = 1.3}, seed);
    failures += verdict.result() == kFail ? 1 : 0;
    passes += verdict.result() == kPass ? 1 : 0;
  }
  EXPECT_EQ(failures, 0);
  EXPECT_GE(passes, 290);
}

TEST(Analysis, OneGatewaysManyFlowsCountAsOneClient) {
  // Nine in ten of the candidate's flows come from one gateway, for whom all of them fail.
  const TrafficModel model{.heavy_share = 0.9, .gateway = Behaviour::kStaysSilent};
  const v1::RolloutVerdict verdict = look_once(model);
  EXPECT_NE(verdict.result(), kFail) << verdict.DebugString();
  EXPECT_LT(check_of(verdict, "no_response").candidate(), 0.05);
  // And they cannot hide the others' failures.
  const TrafficModel hidden{.heavy_share = 0.9, .candidate = Behaviour::kStaysSilent};
  EXPECT_EQ(look_once(hidden).result(), kFail);
}

TEST(Analysis, TooFewClientsOnEitherSideAreNoData) {
  const v1::RolloutVerdict verdict =
      look_once({.clients = 9, .candidate = Behaviour::kStaysSilent});
  EXPECT_EQ(verdict.result(), kNoData);
  EXPECT_EQ(check_of(verdict, "unanswered").message(), "9 of 10 clients of the candidate");

  std::deque<ObservedFlow> flows;
  Traffic(TrafficModel{}, 1).run(kStart, kStart + absl::Seconds(30), flows);
  std::erase_if(flows, [](const ObservedFlow& flow) { return !flow.is_candidate; });
  const v1::RolloutVerdict alone = Analyst().look(flows, kStart + absl::Seconds(30));
  EXPECT_EQ(alone.result(), kNoData);
  EXPECT_EQ(check_of(alone, "unanswered").message(), "0 of 10 clients of the stable pool");
}

TEST(Analysis, AFewClientsAreEnoughWhereTheyAllFail) {
  Analyst analyst;
  analyst.spec.set_min_clients(5);
  EXPECT_EQ(look_once({.clients = 5, .flows_per_second = 2, .candidate = Behaviour::kStaysSilent},
                      1, analyst)
                .result(),
            kFail);
}

TEST(Analysis, WhatIsBeyondTheBoundAndNotCertainIsNoData) {
  std::deque<ObservedFlow> flows;
  for (uint64_t i = 0; i < 24; ++i) {
    ObservedFlow flow{.client = i, .start = kStart, .handshake_us = 9000, .response_bytes = 1};
    flow.is_candidate = i % 2 == 0;
    flow.was_reset = i == 0 || i == 2;  // 2 of the candidate's 12 clients
    flows.push_back(flow);
  }
  const v1::RolloutVerdict verdict = Analyst().look(flows, kStart + absl::Seconds(10));
  EXPECT_EQ(check_of(verdict, "client_resets").result(), kNoData);
  EXPECT_THAT(check_of(verdict, "client_resets").message(),
              HasSubstr("16.7 %, stable pool 0.0 %, at most +5 %; may still be chance"));
  EXPECT_EQ(verdict.result(), kNoData);
}

TEST(Analysis, ServicesWhoseClientsSendNoRequestsAreJudgedByTheRest) {
  std::deque<ObservedFlow> flows;
  Traffic(TrafficModel{}, 1).run(kStart, kStart + absl::Seconds(30), flows);
  for (ObservedFlow& flow : flows) {
    flow.request_bytes = 0;
    flow.response_us = 0;
  }
  const v1::RolloutVerdict verdict = Analyst().look(flows, kStart + absl::Seconds(30));
  EXPECT_EQ(verdict.result(), kPass) << verdict.DebugString();
  EXPECT_EQ(check_of(verdict, "no_response").message(), "no requests were seen on either side");
}

TEST(Analysis, FlowsOfBeforeTheStepAndYoungerThanTheAgeAreLeftOut) {
  std::deque<ObservedFlow> flows;
  Traffic(TrafficModel{.candidate = Behaviour::kStaysSilent}, 1)
      .run(kStart, kStart + absl::Seconds(30), flows);
  Analyst analyst;
  *analyst.status.mutable_step_started() = to_timestamp(kStart + absl::Seconds(30));
  EXPECT_EQ(analyst.look(flows, kStart + absl::Seconds(34)).result(), kNoData);
  EXPECT_EQ(Analyst().look(flows, kStart + absl::Seconds(2)).result(), kNoData);
}

TEST(Analysis, WithNoStableClientsLeftTheCandidateIsComparedWithWhatTheyLastShowed) {
  Analyst analyst;
  analyst.status.set_weight(1'000'000);
  *analyst.status.mutable_verdict() = look_once({});
  const auto alone = [&](const TrafficModel& model) {
    std::deque<ObservedFlow> flows;
    Traffic(model, 2).run(kStart, kStart + absl::Seconds(30), flows);
    std::erase_if(flows, [](const ObservedFlow& flow) { return !flow.is_candidate; });
    return analyst.look(flows, kStart + absl::Seconds(30));
  };
  const v1::RolloutVerdict good = alone({});
  EXPECT_EQ(good.result(), kPass) << good.DebugString();
  EXPECT_GT(check_of(good, "response_time").stable(), 50'000);
  *analyst.status.mutable_verdict() = good;  // and so on, look after look
  EXPECT_EQ(alone({}).result(), kPass);
  EXPECT_EQ(alone({.candidate = Behaviour::kAnswersLate}).result(), kFail);
  EXPECT_EQ(alone({.candidate = Behaviour::kResetsSome}).result(), kFail);
  EXPECT_EQ(check_of(alone({.candidate = Behaviour::kAnswersLate}), "response_time").result(),
            kFail);

  // Without a comparison ever, only what is wrong by itself is judged.
  analyst.status.clear_verdict();
  EXPECT_EQ(alone({}).result(), kPass);
  EXPECT_EQ(alone({.candidate = Behaviour::kStaysSilent}).result(), kFail);
  EXPECT_EQ(check_of(alone({}), "reconnects").message(), "nothing is left to compare it with");
}

TEST(Analysis, WithoutVisibleFlowsOnlyAMetricIsEvidence) {
  Analyst analyst;
  analyst.sees_flows = false;
  EXPECT_EQ(look_once({}, 1, analyst).result(), kNoData);
  v1::RolloutMetric& metric = *analyst.spec.add_metrics();
  metric.set_name("errors");
  metric.set_max(0.05);
  EXPECT_EQ(look_once({}, 1, analyst).result(), kNoData);
  analyst.metrics["errors"] = {0.01, kStart + absl::Seconds(20), ""};
  EXPECT_EQ(look_once({}, 1, analyst).result(), kPass);
}

TEST(Analysis, AMetricOutsideItsBoundsFailsAndAnOldOneIsNoData) {
  Analyst analyst;
  v1::RolloutMetric& metric = *analyst.spec.add_metrics();
  metric.set_name("errors");
  metric.set_max(0.05);
  metric.set_min(-1);
  const absl::Time now = kStart + absl::Seconds(30);
  const auto check = [&](const MetricReading& reading) {
    analyst.metrics["errors"] = reading;
    return check_of(look_once({}, 1, analyst), "errors");
  };
  EXPECT_EQ(check({0.06, now, ""}).result(), kFail);
  EXPECT_EQ(check({0.06, now, ""}).message(), "0.06, at most 0.05");
  EXPECT_EQ(check({-2, now, ""}).message(), "-2, at least -1");
  EXPECT_EQ(check({0.06, now - absl::Seconds(61), ""}).result(), kNoData);
  EXPECT_EQ(check({0.06, now - absl::Seconds(61), ""}).message(), "no value for 1m");
  EXPECT_EQ(check({0, absl::InfinitePast(), "prometheus: connection refused"}).message(),
            "prometheus: connection refused");
  EXPECT_EQ(check({std::nan(""), now, ""}).result(), kNoData);
  analyst.metrics.clear();
  EXPECT_EQ(look_once({}, 1, analyst).result(), kNoData);
}

TEST(Analysis, ACandidateBelowMinUpFailsWhateverItsFlowsShow) {
  std::deque<ObservedFlow> none;
  v1::RolloutCheck health = healthy_backends();
  health.set_result(kFail);
  const MetricReadings metrics;
  const v1::RolloutVerdict verdict = analyse({.now = kStart,
                                              .spec = v1::RolloutAnalysis::default_instance(),
                                              .status = v1::RolloutStatus::default_instance(),
                                              .flows = none,
                                              .health = health,
                                              .metrics = metrics});
  EXPECT_EQ(verdict.result(), kFail);
}

}  // namespace
}  // namespace sluice::controlplane

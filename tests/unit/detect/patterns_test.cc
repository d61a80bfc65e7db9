// SPDX-License-Identifier: Apache-2.0
//
// Findings over all subjects, with their evidence, in bounded memory.
#include "controlplane/detect/patterns.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace sluice::controlplane {
namespace {

class PatternsOfTwo : public testing::Test {
 protected:
  Observation service(const std::string& name, double flows) {
    Observation observation{.subject = {SubjectKind::kService, name}};
    observation.new_flows = std::poisson_distribution<uint64_t>(flows)(random_);
    return observation;
  }
  std::vector<Finding> minute(std::vector<Observation> observations) {
    now_ += absl::Minutes(1);
    return patterns_.observe(now_, observations);
  }
  std::vector<Finding> minutes(int count, double chat, double speech) {
    std::vector<Finding> all;
    for (int i = 0; i < count; ++i) {
      for (Finding& finding : minute({service("chat", chat), service("speech", speech)}))
        all.push_back(std::move(finding));
    }
    return all;
  }

  std::mt19937_64 random_{5};
  absl::Time now_ = absl::FromUnixSeconds(1'767'571'200);
  PatternsSettings settings_{.subjects_max = 3};
  Patterns patterns_{settings_};
};

TEST_F(PatternsOfTwo, FindTheOneThatDeviates) {
  ASSERT_TRUE(minutes(300, 100, 100).empty());

  const std::vector<Finding> findings = minutes(10, 100, 300);

  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(findings[0].subject, (Subject{SubjectKind::kService, "speech"}));
  EXPECT_EQ(findings[0].metric, Metric::kNewFlows);
  EXPECT_EQ(findings[0].change.edge, Edge::kBegin);
}

TEST_F(PatternsOfTwo, GiveTheEvidence) {
  minutes(300, 100, 100);
  const std::vector<Finding> findings = minutes(10, 100, 300);

  ASSERT_EQ(findings.size(), 1);
  const std::vector<Point>& recent = findings[0].recent;
  ASSERT_EQ(recent.size(), Series::kRecentMax);
  EXPECT_EQ(recent.back().time, findings[0].time);
  EXPECT_EQ(recent.front().time, findings[0].time - absl::Minutes(Series::kRecentMax - 1));
  EXPECT_GT(recent.back().value, recent.back().high);
  EXPECT_NEAR(recent.back().expected, 100, 20);
  EXPECT_LT(recent.back().low, 100);
}

TEST_F(PatternsOfTwo, NameTheTopClients) {
  const auto with_clients = [&](double flows, uint64_t abusive) {
    Observation observation = service("chat", flows);
    *observation.new_flows += abusive;
    const auto top = static_cast<uint64_t>(flows / 20);
    observation.top_clients = {{"198.51.100.0/24", top, 0}};
    if (abusive > 0)
      observation.top_clients.insert(observation.top_clients.begin(),
                                     {"203.0.113.0/24", abusive + 7, 7});
    return observation;
  };
  for (int i = 0; i < 300; ++i)
    ASSERT_TRUE(minute({with_clients(1000, 0)}).empty());
  std::vector<Finding> findings;
  for (int i = 0; i < 10 && findings.empty(); ++i)
    findings = minute({with_clients(1000, 300)});

  ASSERT_FALSE(findings.empty());
  const auto share = std::find_if(findings.begin(), findings.end(), [](const Finding& finding) {
    return finding.metric == Metric::kTopClientShare;
  });
  ASSERT_NE(share, findings.end());
  EXPECT_NEAR(share->change.size, 0.18, 0.06);
  EXPECT_EQ(share->top_clients[0].key, "203.0.113.0/24");
  EXPECT_EQ(share->top_clients[0].guaranteed(), 300);
}

TEST_F(PatternsOfTwo, ScoreWhatDeviates) {
  minutes(300, 100, 100);
  minutes(10, 100, 300);
  const std::vector<SeriesScore> scores = patterns_.scores();
  const auto active = std::find_if(scores.begin(), scores.end(),
                                   [](const SeriesScore& score) { return score.is_active; });
  ASSERT_NE(active, scores.end());
  EXPECT_EQ(active->subject.name, "speech");
  EXPECT_EQ(active->direction, Direction::kUp);
  EXPECT_GE(active->score, 1);
}

TEST_F(PatternsOfTwo, ScoreOneDirectionActiveAtATime) {
  minutes(300, 100, 100);
  minutes(20, 100, 300);
  minutes(1, 100, 20);
  int active = 0;
  for (const SeriesScore& score : patterns_.scores())
    active += score.is_active ? 1 : 0;
  EXPECT_EQ(active, 1);
}

TEST_F(PatternsOfTwo, ForgetTheSubjectSeenLeastLately) {
  for (const char* name : {"a", "b", "c", "a", "d"})
    minute({service(name, 10)});
  EXPECT_EQ(patterns_.subject_count(), 3);

  // "a" was seen after "b", so it is "b" that gave way, and its coming back displaces "c".
  minute({service("b", 10)});
  EXPECT_EQ(patterns_.subject_count(), 3);
}

TEST_F(PatternsOfTwo, EndWhatIsUnderWayAtAForgottenSubject) {
  minutes(300, 100, 100);
  minutes(10, 100, 300);
  const std::vector<Finding> findings =
      minute({service("a", 1), service("b", 1), service("c", 1), service("d", 1)});
  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(findings[0].subject.name, "speech");
  EXPECT_EQ(findings[0].change.edge, Edge::kLost);
}

TEST_F(PatternsOfTwo, EndWhatIsUnderWayAtASubjectThatIsNotSeen) {
  minutes(300, 100, 100);
  minutes(10, 100, 300);
  std::vector<Finding> findings;
  int waited = 0;
  for (; findings.empty() && waited < 100; ++waited)
    findings = minute({service("chat", 100)});
  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(findings[0].change.edge, Edge::kLost);
  EXPECT_EQ(waited, settings_.detector.gap_max + 2);
}

TEST_F(PatternsOfTwo, GoOnAfterMissingIntervals) {
  minutes(300, 100, 100);
  now_ += absl::Minutes(20);
  EXPECT_TRUE(minutes(60, 100, 100).empty());
  EXPECT_FALSE(minutes(10, 100, 300).empty());
}

TEST_F(PatternsOfTwo, GoOnAfterAClockThatWasSetBack) {
  minutes(300, 100, 100);
  now_ -= absl::Hours(3);
  EXPECT_TRUE(minutes(60, 100, 100).empty());
  EXPECT_FALSE(minutes(10, 100, 300).empty());
}

TEST_F(PatternsOfTwo, TakeNoHugeLeapOfAClockForHarm) {
  minutes(300, 100, 100);
  now_ += absl::Hours(24 * 365 * 100);
  EXPECT_TRUE(minutes(120, 100, 100).empty());
}

TEST_F(PatternsOfTwo, CountBytesInFlows) {
  const auto with_bytes = [&](double flows, double bytes_per_flow) {
    Observation observation = service("chat", flows);
    observation.bytes =
        static_cast<uint64_t>(static_cast<double>(*observation.new_flows) * bytes_per_flow);
    return observation;
  };
  for (int i = 0; i < 600; ++i)
    ASSERT_TRUE(minute({with_bytes(4, 1e6)}).empty()) << i;
  std::vector<Finding> findings;
  for (int i = 0; i < 60 && findings.empty(); ++i)
    findings = minute({with_bytes(4, 2.5e6)});
  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(findings[0].metric, Metric::kBytes);
}

TEST(PatternNames, AreAllDifferent) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kMetricCount; ++i)
    names.insert(metric_name(static_cast<Metric>(i)));
  EXPECT_EQ(names.size(), kMetricCount);
  EXPECT_FALSE(names.contains(""));
  EXPECT_EQ(subject_kind_name(SubjectKind::kClientPrefix), "client_prefix");
  EXPECT_EQ(direction_name(Direction::kDown), "down");
}

}  // namespace
}  // namespace sluice::controlplane

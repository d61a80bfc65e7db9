// SPDX-License-Identifier: Apache-2.0
//
// What is a SYN flood, and what only resembles one.
#include "controlplane/detect/syn_flood.h"

#include <gtest/gtest.h>

namespace sluice::controlplane {
namespace {

class SynFloods : public testing::Test {
 protected:
  std::optional<Change> minute(double syns, double completed) {
    now_ += absl::Minutes(1);
    return flood_.observe(now_, {.part = completed, .trials = syns});
  }
  void usual_hour() {
    for (int i = 0; i < 60; ++i)
      ASSERT_FALSE(minute(1000, 990));
  }

  SynFlood flood_{30};
  absl::Time now_ = absl::FromUnixSeconds(1'767'571'200);
};

TEST_F(SynFloods, SynsThatDoNotCompleteAreOne) {
  usual_hour();
  const absl::Time before = now_;

  const std::optional<Change> change = minute(4000, 990);

  ASSERT_TRUE(change);
  EXPECT_EQ(change->edge, Edge::kBegin);
  EXPECT_EQ(change->since, before + absl::Minutes(1));
  EXPECT_NEAR(change->size, 3010, 1);
  EXPECT_TRUE(flood_.active());
}

TEST_F(SynFloods, OneThatCrowdsOutClientsIsOneToo) {
  usual_hour();
  minute(2000, 300);
  EXPECT_FALSE(flood_.active());
  minute(2000, 300);
  EXPECT_TRUE(flood_.active());
}

TEST_F(SynFloods, ARushThatCompletesIsNone) {
  usual_hour();
  for (int i = 0; i < 30; ++i)
    EXPECT_FALSE(minute(5000, 4900));
}

TEST_F(SynFloods, BackendsThatDoNotAnswerAreNone) {
  usual_hour();
  for (int i = 0; i < 5; ++i)
    EXPECT_FALSE(minute(1100, 0));
}

TEST_F(SynFloods, AFewStraySynsAtAQuietServiceAreNone) {
  for (int i = 0; i < 200; ++i)
    EXPECT_FALSE(minute(20, i % 2));
}

TEST_F(SynFloods, TheFirstIntervalIsNone) {
  EXPECT_FALSE(minute(1e6, 0.99e6));
}

TEST_F(SynFloods, EndsWhenSynsCompleteAgain) {
  usual_hour();
  minute(10'000, 990);
  std::optional<Change> change;
  int minutes = 0;
  while (!change && minutes++ < 60)
    change = minute(1000, 990);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->edge, Edge::kEnd);
  EXPECT_LE(minutes, 7);
}

TEST_F(SynFloods, NothingSeenForTooLongLosesIt) {
  usual_hour();
  minute(10'000, 990);
  EXPECT_FALSE(flood_.miss(30));
  const std::optional<Change> change = flood_.miss(31);
  ASSERT_TRUE(change);
  EXPECT_EQ(change->edge, Edge::kLost);
  EXPECT_FALSE(flood_.active());
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The event log: numbered without gaps, in order, found by kind and target.
#include "controlplane/store/event_log.h"

#include <gtest/gtest.h>

#include "controlplane/store/revision_store.h"
#include "gmock/gmock.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class EventLogTest : public ::testing::Test {
 protected:
  void add(const std::string& kind, const std::string& target) {
    v1::Event event;
    event.set_kind(kind);
    event.set_target(target);
    ASSERT_TRUE(log_.append(event).ok());
  }
  std::vector<uint64_t> sequences(const v1::ListEventsRequest& request) {
    std::vector<uint64_t> sequences;
    const auto events = log_.list(request);
    EXPECT_TRUE(events.ok()) << events.status();
    for (const v1::Event& event : *events)
      sequences.push_back(event.sequence());
    return sequences;
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<RevisionStore> store_ = *RevisionStore::open(directory_.path("c.db"));
  EventLog log_{store_->shared()};
};

TEST_F(EventLogTest, LongTextsAreCutBetweenLetters) {
  v1::Event event;
  event.set_kind("drain");
  std::string text(kEventTextBytesMax - 4, 'x');
  event.set_reason(text + "\xc3\xa4\xc3\xa4\xc3\xa4");
  ASSERT_TRUE(log_.append(event).ok());

  EXPECT_EQ((*log_.list({}))[0].reason(), text + "…");
}

TEST_F(EventLogTest, EventsAreNumberedFromOneAndKeepWhatTheyAreGiven) {
  v1::Event event;
  event.set_kind("recall");
  event.set_actor("ann");
  event.set_outcome(v1::Event::OUTCOME_DONE);
  event.set_reason("wrong answers");
  event.mutable_time()->set_seconds(1'700'000'000);
  (*event.mutable_details())["edge-1"] = "cut 7";
  ASSERT_TRUE(log_.append(event).ok());
  add("apply", "revision/2");

  const std::vector<v1::Event> events = *log_.list({});

  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].sequence(), 1U);
  EXPECT_EQ(events[0].time().seconds(), 1'700'000'000);
  EXPECT_EQ(events[0].reason(), "wrong answers");
  EXPECT_EQ(events[0].details().at("edge-1"), "cut 7");
  EXPECT_EQ(events[1].sequence(), 2U);
  EXPECT_GT(events[1].time().seconds(), 1'700'000'000);  // now
}

TEST_F(EventLogTest, KindMatchesByItsBeginningAndTargetWhole) {
  add("rollout.start", "rollout/a");
  add("rollout.rollback", "rollout/b");
  add("roll", "rollout/a");
  add("sign", "rollout/ab");
  v1::ListEventsRequest rollout;
  rollout.set_kind("rollout");
  v1::ListEventsRequest of_a;
  of_a.set_target("rollout/a");
  v1::ListEventsRequest both = rollout;
  both.set_target("rollout/a");

  EXPECT_THAT(sequences(rollout), ElementsAre(1, 2));
  EXPECT_THAT(sequences(of_a), ElementsAre(1, 3));
  EXPECT_THAT(sequences(both), ElementsAre(1));
}

TEST_F(EventLogTest, NewestAreGivenUnlessABeginningIsNamed) {
  for (int i = 0; i < 5; ++i)
    add("apply", "");
  v1::ListEventsRequest newest;
  newest.set_limit(2);
  v1::ListEventsRequest after = newest;
  after.set_after(1);

  EXPECT_THAT(sequences(newest), ElementsAre(4, 5));
  EXPECT_THAT(sequences(after), ElementsAre(2, 3));
}

TEST_F(EventLogTest, TooManyAtOnceAreRefused) {
  v1::ListEventsRequest request;
  request.set_limit(10'001);

  const absl::Status status = log_.list(request).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("at most 10000"));
}

TEST_F(EventLogTest, EventsSurviveARestart) {
  add("apply", "revision/1");
  log_ = EventLog(nullptr);
  store_ = nullptr;
  store_ = *RevisionStore::open(directory_.path("c.db"));
  log_ = EventLog(store_->shared());
  add("apply", "revision/2");

  EXPECT_THAT(sequences({}), ElementsAre(1, 2));
}

}  // namespace
}  // namespace sluice::controlplane

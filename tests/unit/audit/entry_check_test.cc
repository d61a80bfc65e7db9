// SPDX-License-Identifier: Apache-2.0
//
// Entries that were signed and do not follow each other.
#include "controlplane/audit/entry_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::controlplane {
namespace {

using ::testing::HasSubstr;

class EntryChecks : public ::testing::Test {
 protected:
  void add_event(uint64_t sequence) {
    v1::LogEntry entry;
    entry.mutable_event()->set_sequence(sequence);
    add(entry);
  }
  void add_restored(uint64_t sequence) {
    v1::LogEntry entry;
    entry.mutable_restored()->set_sequence(sequence);
    add(entry);
  }
  // Of one node, with the records above `after` up to `last`, but for so many.
  void add_segment(uint64_t number, uint64_t after, uint64_t last, uint64_t missing = 0) {
    v1::LogEntry entry;
    v1::SegmentHead& head = *entry.mutable_segment();
    head.set_number(number);
    head.set_records(last - after - missing);
    v1::SegmentStream& stream = *head.add_streams();
    stream.set_node("edge-1");
    stream.set_incarnation("one");
    stream.set_after(after);
    stream.set_last(last);
    stream.set_records(head.records());
    stream.set_missing_count(missing);
    add(entry);
  }
  void add_break(uint64_t segment) {
    v1::LogEntry entry;
    entry.mutable_segment_break()->set_segment(segment);
    add(entry);
  }
  void add(const v1::LogEntry& entry) { check_.add(index_++, entry.SerializeAsString()); }
  // The entry that was added last is the first that does not follow.
  void expect_last_is_bad(const std::string& why) {
    ASSERT_TRUE(check_.first_bad().has_value());
    EXPECT_EQ(*check_.first_bad(), index_ - 1);
    EXPECT_THAT(check_.problem(), HasSubstr(why));
  }

  EntryCheck check_;
  uint64_t index_ = 0;
};

TEST_F(EntryChecks, TakesALogThatIsWhole) {
  add_event(1);
  add_segment(1, 0, 10);
  add_event(2);
  add_segment(2, 10, 30, 5);
  add_restored(1);
  add_event(2);
  add_break(1);
  add_segment(3, 10, 12);

  EXPECT_FALSE(check_.first_bad().has_value()) << check_.problem();
  EXPECT_EQ(check_.events().count, 3u);
  EXPECT_EQ(check_.events().restores, 1u);
  EXPECT_EQ(check_.segments().count, 3u);
  EXPECT_EQ(check_.segments().records, 27u);
  EXPECT_EQ(check_.segments().missing, 5u);
  EXPECT_EQ(check_.segments().breaks, 1u);
  EXPECT_EQ(check_.segments().last, 3u);
}

TEST_F(EntryChecks, MissesAnEvent) {
  add_event(1);
  add_event(3);
  expect_last_is_bad("event 3 is not the one that follows: that is event 2");
}

TEST_F(EntryChecks, MissesASegment) {
  add_segment(4, 0, 10);
  add_segment(6, 10, 20);
  expect_last_is_bad("segment 6 does not follow segment 4");
}

TEST_F(EntryChecks, TakesAHoleThatTheLogTellsOf) {
  add_segment(4, 0, 10);
  add_break(4);
  add_segment(9, 70, 80);
  EXPECT_FALSE(check_.first_bad().has_value()) << check_.problem();
  add_break(3);
  add_segment(9, 80, 90);
  expect_last_is_bad("segment 9 does not follow segment 9");
}

TEST_F(EntryChecks, GoesBackToNothingThatIsYetToCome) {
  add_event(1);
  add_restored(5);
  expect_last_is_bad("the store went back to event 5, which is not here");
}

TEST_F(EntryChecks, BreaksOffAfterNothingThatIsYetToCome) {
  add_segment(1, 0, 10);
  add_break(5);
  expect_last_is_bad("segments break off after 5, which is not here");
}

TEST_F(EntryChecks, MissesRecordsBetweenSegments) {
  add_segment(1, 0, 10);
  add_segment(2, 12, 20);
  expect_last_is_bad("the records of node edge-1 after 12, and the ones before end at 10");
}

TEST_F(EntryChecks, FindsRecordsThatWereTakenInTwice) {
  add_segment(1, 0, 10);
  add_segment(2, 8, 20);
  expect_last_is_bad("the records of node edge-1 after 8, and the ones before end at 10");
}

TEST_F(EntryChecks, CountsTheRecordsThatAreMissing) {
  v1::LogEntry entry;
  v1::SegmentStream& stream = *entry.mutable_segment()->add_streams();
  entry.mutable_segment()->set_number(1);
  stream.set_node("edge-1");
  stream.set_last(10);
  stream.set_records(7);
  stream.set_missing_count(2);
  add(entry);
  expect_last_is_bad("of node edge-1 it counts 7 records and 2 missing, which are not 10");
}

TEST_F(EntryChecks, KnowsNoEntryOfAnotherKind) {
  add({});
  expect_last_is_bad("of a kind that this version does not know");
}

TEST_F(EntryChecks, NamesTheFirstThatDoesNotFit) {
  check_.add(7, "\xff\xff");
  check_.add(8, "\xff\xff");
  EXPECT_EQ(check_.first_bad(), 7u);
  EXPECT_EQ(check_.problem(), "it is no entry");
}

}  // namespace
}  // namespace sluice::controlplane

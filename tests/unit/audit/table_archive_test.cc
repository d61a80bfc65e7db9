// SPDX-License-Identifier: Apache-2.0
//
// The archive: tables come back whole, views add up, retention keeps what is still needed.
#include "controlplane/audit/table_archive.h"

#include <gtest/gtest.h>

#include "gmock/gmock.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using ::testing::HasSubstr;

absl::Time at(int seconds) {
  return absl::FromUnixSeconds(1'800'000'000 + seconds);
}

v1::ViewRecord view(uint64_t number, uint64_t generation, int seconds, bool is_complete) {
  v1::ViewRecord record;
  record.set_node("edge-1");
  record.set_incarnation("i1");
  record.set_view(number);
  record.set_generation(generation);
  record.mutable_time()->set_seconds(1'800'000'000 + seconds);
  record.set_is_complete(is_complete);
  return record;
}

void set(v1::ViewRecord& record, const std::string& backend, v1::BackendState state) {
  v1::BackendView& entry = *record.add_backends();
  entry.set_pool("p");
  entry.set_backend(backend);
  entry.set_state(state);
}

class TableArchiveTest : public ::testing::Test {
 protected:
  void add_table(uint64_t generation, int seconds) {
    v1::ForwardingTable table;
    table.set_generation(generation);
    table.add_pools()->set_name(std::string(10'000, 'p'));
    ASSERT_TRUE(archive_->add_table(generation, at(seconds), table.SerializeAsString()).ok());
  }
  // Two backends up at 10; a falls at 20; under generation 2 everything is told anew at 30.
  void add_views() {
    v1::ViewRecord first = view(1, 1, 10, true);
    set(first, "a", v1::BACKEND_STATE_UP);
    set(first, "b", v1::BACKEND_STATE_UP);
    v1::ViewRecord second = view(2, 1, 20, false);
    set(second, "a", v1::BACKEND_STATE_DOWN);
    v1::ViewRecord third = view(3, 2, 30, true);
    set(third, "a", v1::BACKEND_STATE_UP);
    ASSERT_TRUE(archive_->add_views({first, second, third}).ok());
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<TableArchive> archive_ = *TableArchive::open(directory_.path("audit"));
};

TEST_F(TableArchiveTest, TableComesBackWholeAfterARestart) {
  add_table(7, 0);
  archive_ = nullptr;
  archive_ = *TableArchive::open(directory_.path("audit"));

  const auto table = archive_->table_of(7);

  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_EQ(table->generation(), 7U);
  EXPECT_EQ(table->pools(0).name().size(), 10'000U);
  EXPECT_EQ(archive_->table_of(8).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(TableArchiveTest, StatesAreThoseOfTheLastViewBeforeThatTime) {
  add_views();

  const auto before = archive_->view_at("edge-1", at(15));
  const auto fallen = archive_->view_at("edge-1", at(20));
  const auto later = archive_->view_at("edge-1", at(1000));

  ASSERT_TRUE(before.ok()) << before.status();
  EXPECT_EQ(before->view(), 1U);
  EXPECT_EQ(before->backends(0).state(), v1::BACKEND_STATE_UP);
  ASSERT_TRUE(fallen.ok()) << fallen.status();
  EXPECT_EQ(fallen->view(), 2U);
  ASSERT_EQ(fallen->backends_size(), 2);
  EXPECT_EQ(fallen->backends(0).state(), v1::BACKEND_STATE_DOWN);
  EXPECT_EQ(fallen->backends(1).state(), v1::BACKEND_STATE_UP);
  EXPECT_EQ(later->generation(), 2U);
  EXPECT_EQ(later->backends_size(), 1);
}

TEST_F(TableArchiveTest, DegradedPoolsAndLostRecordsAddUpToo) {
  const auto degrade = [](v1::ViewRecord& record, const std::string& pool, bool is_degraded) {
    v1::DegradedView& entry = *record.add_degraded();
    entry.set_route("r");
    entry.set_pool(pool);
    entry.set_is_degraded(is_degraded);
  };
  v1::ViewRecord first = view(1, 1, 10, true);
  degrade(first, "blue", true);
  first.set_can_record(true);
  v1::ViewRecord second = view(2, 1, 20, false);
  degrade(second, "green", true);
  second.set_can_record(false);
  v1::ViewRecord third = view(3, 1, 30, false);
  degrade(third, "blue", false);
  ASSERT_TRUE(archive_->add_views({first, second, third}).ok());

  const auto begun = archive_->view_at("edge-1", at(15));
  const auto both = archive_->view_at("edge-1", at(25));
  const auto one = archive_->view_at("edge-1", at(35));

  EXPECT_EQ(begun->degraded_size(), 1);
  EXPECT_TRUE(begun->can_record());
  EXPECT_EQ(both->degraded_size(), 2);
  EXPECT_FALSE(both->can_record());
  ASSERT_EQ(one->degraded_size(), 1);
  EXPECT_EQ(one->degraded(0).pool(), "green");
  EXPECT_TRUE(one->has_can_record());
  EXPECT_FALSE(one->can_record());
}

TEST_F(TableArchiveTest, TimeBeforeTheFirstViewIsNotFound) {
  add_views();

  const absl::Status status = archive_->view_at("edge-1", at(5)).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr("nothing is kept of node edge-1 at 2027-"));
  EXPECT_EQ(archive_->view_at("edge-9", at(15)).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(TableArchiveTest, StatesOfAnotherIncarnationAreNotMixedIn) {
  add_views();
  v1::ViewRecord partial = view(9, 2, 40, false);
  partial.set_incarnation("i2");
  set(partial, "b", v1::BACKEND_STATE_DOWN);
  ASSERT_TRUE(archive_->add_views({partial}).ok());

  EXPECT_EQ(archive_->view_at("edge-1", at(50)).status().code(), absl::StatusCode::kNotFound);
}

// A node's clock was an hour ahead for a while.
TEST_F(TableArchiveTest, ViewsFollowEachOtherAsTheyCameWhateverTheClockSaid) {
  v1::ViewRecord first = view(1, 1, 10, true);
  set(first, "a", v1::BACKEND_STATE_UP);
  set(first, "b", v1::BACKEND_STATE_UP);
  v1::ViewRecord ahead = view(2, 1, 3620, false);
  set(ahead, "a", v1::BACKEND_STATE_DOWN);
  v1::ViewRecord back = view(3, 1, 30, false);
  set(back, "b", v1::BACKEND_STATE_DOWN);
  ASSERT_TRUE(archive_->add_views({first, ahead, back}).ok());

  const auto between = archive_->view_at("edge-1", at(20));
  const auto after_all = archive_->view_at("edge-1", at(5000));
  const auto after_back = archive_->view_at("edge-1", at(40));

  EXPECT_EQ(between->view(), 1U);
  EXPECT_EQ(after_all->view(), 3U);
  ASSERT_TRUE(after_back.ok()) << after_back.status();
  EXPECT_EQ(after_back->view(), 3U);
  ASSERT_EQ(after_back->backends_size(), 2);
  EXPECT_EQ(after_back->backends(0).state(), v1::BACKEND_STATE_DOWN) << "it fell before b did";
  EXPECT_EQ(after_back->backends(1).state(), v1::BACKEND_STATE_DOWN);
}

TEST_F(TableArchiveTest, ViewsThatComeTwiceCountOnce) {
  add_views();
  add_views();

  const auto position = archive_->position_of("edge-1");

  EXPECT_EQ(position->incarnation, "i1");
  EXPECT_EQ(position->view, 3U);
  EXPECT_EQ(archive_->position_of("edge-9")->incarnation, "");
}

TEST_F(TableArchiveTest, RetentionKeepsWhatWasInForceThen) {
  add_table(1, 10);
  add_table(2, 30);
  add_table(3, 50);
  add_views();

  EXPECT_EQ(*archive_->expire(at(25)), 0U);  // view 1 completes view 2, which was in force at 25
  EXPECT_EQ(*archive_->expire(at(35)), 3U);  // views 1 and 2, and the table that only they need

  EXPECT_TRUE(archive_->view_at("edge-1", at(35)).ok());
  EXPECT_FALSE(archive_->view_at("edge-1", at(25)).ok());
  EXPECT_FALSE(archive_->table_of(1).ok());
  EXPECT_TRUE(archive_->table_of(2).ok());
  EXPECT_TRUE(archive_->table_of(3).ok());
}

}  // namespace
}  // namespace sluice::controlplane

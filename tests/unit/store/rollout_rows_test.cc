// SPDX-License-Identifier: Apache-2.0
//
// Statuses of rollouts in the store: with their table or without, all or nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include "controlplane/store/event_log.h"
#include "controlplane/store/revision_store.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<v1::RolloutStatus> statuses(uint32_t weight) {
  std::vector<v1::RolloutStatus> statuses(2);
  statuses[0].set_rollout("one");
  statuses[1].set_rollout("two");
  statuses[1].set_weight(weight);
  return statuses;
}

class RolloutRows : public ::testing::Test {
 protected:
  void SetUp() override {
    open();
    NewRevision revision;
    revision.rollouts = statuses(7);
    ASSERT_TRUE(store_->append(revision, table(1)).ok());
  }
  void open() {
    store_.reset();
    auto store = RevisionStore::open(path_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  NewTable table(uint64_t generation) {
    v1::ForwardingTable message;
    message.set_generation(generation);
    bytes_ = message.SerializeAsString();
    return {generation, 1, bytes_};
  }

  testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.path("store.db");
  std::string bytes_;
  std::unique_ptr<RevisionStore> store_;
};

TEST_F(RolloutRows, ComeBackAsTheyWereWritten) {
  open();
  const StoredState state = *store_->load();
  ASSERT_THAT(state.rollouts, SizeIs(2));
  EXPECT_EQ(state.rollouts[1].rollout(), "two");
  EXPECT_EQ(state.rollouts[1].weight(), 7u);
}

TEST_F(RolloutRows, AreReplacedWithTheirTableOrAlone) {
  const NewTable next = table(2);
  ASSERT_TRUE(store_->replace_rollouts(1, statuses(8), &next).ok());
  EXPECT_EQ(store_->load()->generation, 2u);
  EXPECT_EQ(store_->load()->rollouts[1].weight(), 8u);
  ASSERT_TRUE(store_->replace_rollouts(1, statuses(9), nullptr).ok());
  EXPECT_EQ(store_->load()->generation, 2u);
  EXPECT_EQ(store_->load()->rollouts[1].weight(), 9u);
}

TEST_F(RolloutRows, AreDurableWithWhatTellsOfThemOrNotAtAll) {
  v1::Event event;
  event.set_kind("rollout.rollback");
  EventLog log(store_->shared());

  const NewTable old = table(1);
  EXPECT_FALSE(store_->replace_rollouts(1, statuses(8), &old, {event}).ok());
  const size_t before = log.list({})->size();
  const NewTable next = table(2);
  ASSERT_TRUE(store_->replace_rollouts(1, statuses(8), &next, {event}).ok());

  EXPECT_EQ(before, 0U);
  const std::vector<v1::Event> events = *log.list({});
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].revision(), 1U);
  EXPECT_EQ(events[0].generation(), 2U);
}

TEST_F(RolloutRows, ThoseOfAnotherRevisionOrAnOldTableAreRefused) {
  const NewTable old = table(1);
  EXPECT_EQ(store_->replace_rollouts(1, statuses(8), &old).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(store_->replace_rollouts(2, statuses(8), nullptr).code(), absl::StatusCode::kAborted);
  EXPECT_EQ(store_->load()->rollouts[1].weight(), 7u);
}

TEST_F(RolloutRows, ARevisionKeepsOnlyThoseThatRemainUnderIt) {
  NewRevision revision;
  revision.base_revision = 1;
  ASSERT_TRUE(store_->append(revision, table(2)).ok());
  EXPECT_THAT(store_->load()->rollouts, IsEmpty());
}

TEST_F(RolloutRows, ADamagedStatusIsSaidAndTheFileIsLeftAsItIs) {
  store_.reset();
  sqlite3* connection = nullptr;
  ASSERT_EQ(sqlite3_open(path_.c_str(), &connection), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(connection, "UPDATE rollout SET status = x'ff' WHERE name = 'two'",
                         nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(connection);
  open();
  const absl::Status status = store_->load().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the stored status of rollout two"));
}

}  // namespace
}  // namespace sluice::controlplane

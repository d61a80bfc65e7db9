// SPDX-License-Identifier: Apache-2.0
//
// Pending changes and waiting revisions: durable together with what they are about.
#include "controlplane/store/change_store.h"

#include <gtest/gtest.h>

#include "controlplane/store/event_log.h"
#include "controlplane/store/revision_store.h"
#include "gmock/gmock.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

class ChangeStoreTest : public ::testing::Test {
 protected:
  void reopen() {
    changes_ = ChangeStore(nullptr);
    store_ = nullptr;
    store_ = *RevisionStore::open(directory_.path("c.db"));
    changes_ = ChangeStore(store_->shared());
  }
  v1::PendingChange add(const std::string& author, uint64_t rollback_of = 0) {
    StoredChange stored;
    stored.rollback_of = rollback_of;
    stored.change.set_state(v1::PendingChange::STATE_PENDING);
    stored.change.mutable_request()->set_author(author);
    v1::Event event;
    event.set_kind("change.pending");
    EXPECT_TRUE(changes_.add(stored, event).ok());
    return stored.change;
  }
  static NewTable table(uint64_t generation) {
    static std::map<uint64_t, std::string> bytes;
    v1::ForwardingTable message;
    message.set_generation(generation);
    bytes[generation] = message.SerializeAsString();
    return {generation, 1, bytes[generation]};
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<RevisionStore> store_ = *RevisionStore::open(directory_.path("c.db"));
  ChangeStore changes_{store_->shared()};
};

TEST_F(ChangeStoreTest, ChangesAreNumberedFoundAndListedNewestFirst) {
  EXPECT_EQ(add("ann").id(), 1U);
  EXPECT_EQ(add("bob", 7).id(), 2U);
  reopen();

  const auto second = changes_.find(2);
  const auto pending = *changes_.list(ChangeStore::Which::kPending);

  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->rollback_of, 7U);
  EXPECT_EQ(second->change.request().author(), "bob");
  ASSERT_THAT(pending, SizeIs(2));
  EXPECT_EQ(pending[0].id(), 2U);
  EXPECT_EQ(changes_.find(3).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(EventLog(store_->shared()).list({})->back().target(), "change/2");
}

TEST_F(ChangeStoreTest, DecidedChangesAreListedOnlyWhenAllAreAsked) {
  v1::PendingChange change = add("ann");
  change.set_state(v1::PendingChange::STATE_REJECTED);
  ASSERT_TRUE(changes_.replace(change, v1::Event()).ok());

  EXPECT_THAT(*changes_.list(ChangeStore::Which::kPending), SizeIs(0));
  EXPECT_THAT(*changes_.list(ChangeStore::Which::kAll), SizeIs(1));
}

TEST_F(ChangeStoreTest, EndedChangesLoseTheirFilesAndTheOldestGo) {
  for (const char* author : {"ann", "bob"}) {
    v1::PendingChange change = add(author);
    change.mutable_request()->mutable_change()->add_files()->set_yaml("kind: Pool");
    change.set_state(v1::PendingChange::STATE_REJECTED);
    change.set_reason(std::string(40 << 20, 'x'));
    ASSERT_TRUE(changes_.replace(change, v1::Event()).ok());
  }

  const auto ended = *changes_.list(ChangeStore::Which::kAll);

  ASSERT_THAT(ended, SizeIs(1)) << "two would be 80 MiB";
  EXPECT_EQ(ended[0].request().author(), "bob");
  EXPECT_THAT(changes_.find(2)->change.request().change().files(), SizeIs(0));
}

TEST_F(ChangeStoreTest, RevisionOfAChangeMarksItAppliedInTheSameStep) {
  NewRevision revision;
  revision.applied = add("ann");
  revision.entry.set_ticket("T-1");
  revision.entry.add_approvers("bob");
  revision.entry.add_approvers("cid");
  revision.event.set_kind("apply");

  ASSERT_TRUE(store_->append(revision, table(1)).ok());
  reopen();

  EXPECT_EQ(changes_.find(1)->change.state(), v1::PendingChange::STATE_APPLIED);
  EXPECT_EQ(changes_.find(1)->change.revision(), 1U);
  const v1::RevisionEntry entry = (*store_->list(1))[0];
  EXPECT_EQ(entry.ticket(), "T-1");
  EXPECT_THAT(entry.approvers(), ElementsAre("bob", "cid"));
  const v1::Event event = EventLog(store_->shared()).list({})->back();
  EXPECT_EQ(event.target(), "revision/1");
  EXPECT_EQ(event.revision(), 1U);
  EXPECT_EQ(event.generation(), 1U);
}

TEST_F(ChangeStoreTest, RefusedRevisionLeavesChangeAndEventsAlone) {
  NewRevision revision;
  revision.base_revision = 5;  // stale
  revision.applied = add("ann");
  revision.event.set_kind("apply");

  EXPECT_FALSE(store_->append(revision, table(1)).ok());

  EXPECT_EQ(changes_.find(1)->change.state(), v1::PendingChange::STATE_PENDING);
  EXPECT_THAT(*EventLog(store_->shared()).list({}), SizeIs(1));
}

TEST_F(ChangeStoreTest, WaitingRevisionSurvivesARestartUntilItIsConfirmedOrReplaced) {
  const absl::Time deadline = absl::FromUnixNanos(1'800'000'000'000'000'005);
  NewRevision revision;
  revision.waiting = Waiting{.back_to = 0, .deadline = deadline, .author = "ann", .reason = "why"};
  ASSERT_TRUE(store_->append(revision, table(1)).ok());
  reopen();
  const StoredState waits = *store_->load();
  ASSERT_TRUE(store_->confirm(v1::Event()).ok());
  const StoredState confirmed = *store_->load();
  revision.base_revision = 1;
  revision.waiting->breaks_glass = true;
  ASSERT_TRUE(store_->append(revision, table(2)).ok());
  const StoredState again = *store_->load();
  revision.base_revision = 2;
  revision.waiting.reset();
  ASSERT_TRUE(store_->append(revision, table(3)).ok());

  ASSERT_TRUE(waits.waiting.has_value());
  EXPECT_EQ(waits.waiting->revision, 1U);
  EXPECT_EQ(waits.waiting->deadline, deadline);
  EXPECT_EQ(waits.waiting->author, "ann");
  EXPECT_FALSE(waits.waiting->breaks_glass);
  EXPECT_FALSE(confirmed.waiting.has_value());
  EXPECT_TRUE(again.waiting->breaks_glass);
  EXPECT_EQ(again.waiting->revision, 2U);
  EXPECT_FALSE(store_->load()->waiting.has_value());
}

TEST_F(ChangeStoreTest, OverrideThatStaysKeepsWhoSetItAndWhy) {
  ASSERT_TRUE(store_->append({}, table(1)).ok());
  v1::Override recall;
  recall.set_pool("a");
  recall.set_state(v1::Override::STATE_RECALLED);
  v1::Override drain;
  drain.set_pool("b");
  drain.set_state(v1::Override::STATE_DRAINING);
  const absl::Time time = absl::FromUnixSeconds(1'800'000'000);
  v1::Event event;
  event.set_kind("recall");
  ASSERT_TRUE(
      store_->replace_overrides(1, {recall}, table(2), {recall, "ann", "bad", time}, {event}).ok());
  ASSERT_TRUE(
      store_->replace_overrides(1, {recall, drain}, table(3), {drain, "bob", "", time}).ok());
  reopen();

  const std::vector<OverrideOrder> orders = *store_->override_orders();

  ASSERT_THAT(orders, SizeIs(2));
  EXPECT_EQ(orders[0].author, "ann");
  EXPECT_EQ(orders[0].reason, "bad");
  EXPECT_EQ(orders[0].time, time);
  EXPECT_EQ(orders[1].author, "bob");
  EXPECT_THAT(*EventLog(store_->shared()).list({}), SizeIs(1));
}

}  // namespace
}  // namespace sluice::controlplane

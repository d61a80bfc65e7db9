// SPDX-License-Identifier: Apache-2.0
//
// Copies of the store: complete, consistent, and in nobody's way.
#include <gtest/gtest.h>

#include <filesystem>
#include <utility>

#include "controlplane/store/event_log.h"
#include "controlplane/store/revision_store.h"
#include "gmock/gmock.h"
#include "tests/support/failing_disk.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;
using testing::FailingDisk;
using testing::TemporaryDirectory;

v1::Event event_of(const std::string& kind, size_t bytes) {
  constexpr size_t kDetail = 4000;  // longer ones would be cut
  v1::Event event;
  event.set_kind(kind);
  for (size_t i = 0; i < bytes / kDetail; ++i)
    (*event.mutable_details())[std::to_string(i)] = std::string(kDetail, 'x');
  return event;
}

class StoreCopy : public ::testing::Test {
 protected:
  void SetUp() override {
    store_ = *RevisionStore::open(directory_.path("c.db"));
    for (int i = 0; i < 40; ++i)
      write("before", 100'000);
  }
  void write(const std::string& kind, size_t bytes) {
    const v1::Event event = event_of(kind, bytes);
    ASSERT_TRUE(EventLog(store_->shared()).append(event).ok());
  }
  // How many events of each kind the file at `path` holds. Opening it proves it.
  static std::vector<size_t> events_in(const std::string& path,
                                       const std::vector<std::string>& kinds) {
    const auto copy = RevisionStore::open(path);
    EXPECT_TRUE(copy.ok()) << copy.status();
    std::vector<size_t> counts;
    for (const std::string& kind : kinds) {
      v1::ListEventsRequest request;
      request.set_kind(kind);
      request.set_limit(10'000);
      counts.push_back(copy.ok() ? EventLog((*copy)->shared()).list(request)->size() : 0);
    }
    return counts;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<RevisionStore> store_;
};

TEST_F(StoreCopy, TakesChangesBetweenItsPiecesAndHoldsThem) {
  size_t pauses = 0;

  // Were the lock held, the first of these would wait for ever.
  const auto path = store_->copy([&] {
    write("meanwhile", 10'000);
    ++pauses;
  });

  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_GE(pauses, 10U);  // 4 MB in pieces of 256 KiB
  write("after", 0);
  EXPECT_THAT(events_in(*path, {"before", "meanwhile", "after"}), ElementsAre(40, pauses, 0));
}

TEST_F(StoreCopy, RolledBackChangeBetweenPiecesIsNotInIt) {
  bool is_first = true;
  const auto path = store_->copy([&] {
    if (!std::exchange(is_first, false)) return;
    const absl::MutexLock lock(&store_->shared()->mutex);
    const auto transaction = Transaction::begin(store_->shared()->database);
    ASSERT_TRUE(store_->shared()->database.execute("DELETE FROM event").ok());
  });

  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_THAT(events_in(*path, {"before"}), ElementsAre(40));
}

TEST_F(StoreCopy, WithoutAPauseIsTheSame) {
  const auto first = store_->copy();
  const auto second = store_->copy();

  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE(*first, *second);
  EXPECT_THAT(events_in(*first, {"before"}), ElementsAre(40));
}

TEST(StoreCopyOnAFailingDisk, IsAnErrorThatLeavesNoFileAndAStoreThatWorks) {
  const TemporaryDirectory directory;
  FailingDisk disk;
  const auto store = *RevisionStore::open(directory.path("c.db"));
  const v1::Event event = event_of("before", 4'000'000);
  ASSERT_TRUE(EventLog(store->shared()).append(event).ok());
  disk.fail_after(20);

  const absl::Status status = store->copy().status();
  disk.heal();

  EXPECT_FALSE(status.ok());
  EXPECT_FALSE(std::filesystem::exists(directory.path("c.db.backup-1")));
  EXPECT_TRUE(EventLog(store->shared()).append(event).ok());
  EXPECT_TRUE(store->copy().ok());
}

}  // namespace
}  // namespace sluice::controlplane

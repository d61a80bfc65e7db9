// SPDX-License-Identifier: Apache-2.0
//
// Publication with real threads: nobody sees a snapshot that was freed, and nobody waits for ever.
#include "dataplane/runtime/snapshot_publisher.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sluice::dataplane {
namespace {

using std::chrono::milliseconds;

// The view stands in two places of the snapshot; one of a freed or half built snapshot would
// differ.
std::unique_ptr<const Snapshot> snapshot_of(uint64_t view) {
  auto snapshot = std::make_unique<Snapshot>();
  snapshot->view = view;
  snapshot->backends.resize(16);
  for (BackendLine& line : snapshot->backends)
    line.id.value = static_cast<uint32_t>(view);
  return snapshot;
}

bool is_whole(const Snapshot& snapshot) {
  for (const BackendLine& line : snapshot.backends) {
    if (line.id.value != static_cast<uint32_t>(snapshot.view)) return false;
  }
  return snapshot.backends.size() == 16;
}

TEST(SnapshotPublisher, ReadersSeeWholeSnapshotsInOrderWhileTheyAreReplaced) {
  constexpr uint64_t kPublications = 2000;
  constexpr uint32_t kReaders = 2;
  SnapshotPublisher publisher({1, 2});
  std::atomic<bool> stop{false};
  std::atomic<bool> sound{true};
  std::vector<std::thread> readers;
  for (uint32_t i = 0; i < kReaders; ++i) {
    readers.emplace_back([&, i] {
      QsbrReader reader(publisher, i);
      uint64_t last = 0;
      for (uint64_t turn = 0; !stop.load(std::memory_order_relaxed); ++turn) {
        if (const Snapshot* const snapshot = reader.snapshot()) {
          if (!is_whole(*snapshot) || snapshot->view < last) sound = false;
          last = snapshot->view;
        }
        reader.quiescent();
        if (turn % 64 != 0) continue;
        reader.go_offline();
        std::this_thread::yield();
        reader.go_online();
      }
    });
  }

  for (uint64_t view = 1; view <= kPublications; ++view) {
    ASSERT_TRUE(publisher.publish(snapshot_of(view), milliseconds(10'000)).ok());
    ASSERT_LE(publisher.retired_count(), SnapshotPublisher::kRetiredMax);
  }
  stop = true;
  for (std::thread& reader : readers)
    reader.join();

  EXPECT_TRUE(sound);
  EXPECT_EQ(publisher.retired_count(), 0u);
}

TEST(SnapshotPublisher, NamesTheLcoreThatDoesNotComeRound) {
  SnapshotPublisher publisher({4, 7});
  QsbrReader prompt(publisher, 0);
  QsbrReader stuck(publisher, 1);
  prompt.go_offline();

  const absl::Status status = publisher.publish(snapshot_of(1), milliseconds(1));

  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("lcore 7"), std::string_view::npos) << status;
  EXPECT_EQ(status.message().find("lcore 4"), std::string_view::npos) << status;
  EXPECT_EQ(stuck.snapshot()->view, 1u) << "in force all the same";
}

TEST(SnapshotPublisher, KeepsABoundedNumberOfOldSnapshotsForAStuckLcore) {
  SnapshotPublisher publisher({3});
  QsbrReader stuck(publisher, 0);
  uint64_t view = 0;
  for (size_t i = 0; i < SnapshotPublisher::kRetiredMax + 1; ++i) {
    EXPECT_FALSE(publisher.publish(snapshot_of(++view), milliseconds(0)).ok());
  }
  EXPECT_EQ(publisher.retired_count(), SnapshotPublisher::kRetiredMax);

  const absl::Status refused = publisher.publish(snapshot_of(view + 1), milliseconds(0));
  EXPECT_NE(refused.message().find("not published"), std::string_view::npos) << refused;
  EXPECT_EQ(stuck.snapshot()->view, view);

  stuck.quiescent();
  publisher.reclaim();
  EXPECT_EQ(publisher.retired_count(), 0u);
}

TEST(SnapshotPublisher, DoesNotWaitForWhoSleeps) {
  SnapshotPublisher publisher({3});
  QsbrReader sleeper(publisher, 0);
  EXPECT_EQ(sleeper.snapshot(), nullptr);
  sleeper.go_offline();

  EXPECT_TRUE(publisher.publish(snapshot_of(1), milliseconds(0)).ok());
  EXPECT_TRUE(publisher.publish(snapshot_of(2), milliseconds(0)).ok());
  EXPECT_EQ(publisher.retired_count(), 0u);

  sleeper.go_online();
  EXPECT_EQ(sleeper.snapshot()->view, 2u);
}

}  // namespace
}  // namespace sluice::dataplane

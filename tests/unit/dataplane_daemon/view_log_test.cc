// SPDX-License-Identifier: Apache-2.0
//
// Which views are kept, and how they are told.
#include "dataplane/daemon/view_log.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice::dataplane {
namespace {

v1::ViewRecord view_of(uint64_t view, uint64_t generation,
                       const std::vector<std::pair<std::string, v1::BackendState>>& backends) {
  v1::ViewRecord record;
  record.set_view(view);
  record.set_generation(generation);
  record.mutable_time()->set_seconds(static_cast<int64_t>(view));
  for (const auto& [name, state] : backends) {
    v1::BackendView& backend = *record.add_backends();
    backend.set_pool("chat");
    backend.set_backend(name);
    backend.set_address("1234");
    backend.set_state(state);
  }
  return record;
}

constexpr auto kUp = v1::BACKEND_STATE_UP;
constexpr auto kDown = v1::BACKEND_STATE_DOWN;

TEST(ViewLog, FirstOfAGenerationIsCompleteTheOthersSayWhatChanged) {
  ViewLog log;
  log.add(view_of(5, 1, {{"a", kUp}, {"b", kUp}}));
  log.add(view_of(6, 1, {{"a", kUp}, {"b", kDown}}));
  log.add(view_of(7, 2, {{"a", kUp}, {"b", kDown}, {"c", kUp}}));

  const auto views = log.list(0);

  ASSERT_EQ(views.size(), 3u);
  EXPECT_TRUE(views[0].is_complete());
  EXPECT_EQ(views[0].backends_size(), 2);
  EXPECT_FALSE(views[1].is_complete());
  ASSERT_EQ(views[1].backends_size(), 1);
  EXPECT_EQ(views[1].backends(0).backend(), "b");
  EXPECT_EQ(views[1].backends(0).state(), kDown);
  EXPECT_EQ(views[1].time().seconds(), 6);
  EXPECT_TRUE(views[2].is_complete());
  EXPECT_EQ(views[2].backends_size(), 3);
}

TEST(ViewLog, OnlyLaterViewsAreListed) {
  ViewLog log;
  for (uint64_t view = 5; view < 10; ++view)
    log.add(view_of(view, 1, {{"a", view % 2 == 0 ? kUp : kDown}}));

  EXPECT_EQ(log.list(7).front().view(), 8u);
  EXPECT_EQ(log.list(7).size(), 2u);
  EXPECT_TRUE(log.list(9).empty());
}

TEST(ViewLog, OldestKeptIsMadeCompleteWhenThoseBeforeItGo) {
  ViewLog log;
  const uint64_t views = ViewLog::kViewsMax + 3;
  for (uint64_t view = 1; view <= views; ++view)
    log.add(view_of(view, 1, {{"a", kUp}, {"b", view % 2 == 0 ? kUp : kDown}, {"c", kDown}}));

  const auto kept = log.list(0);

  ASSERT_EQ(kept.size(), ViewLog::kViewsMax);
  EXPECT_EQ(kept[0].view(), 4u);
  EXPECT_TRUE(kept[0].is_complete());
  ASSERT_EQ(kept[0].backends_size(), 3);
  EXPECT_EQ(kept[0].backends(0).state(), kUp);
  EXPECT_EQ(kept[0].backends(1).state(), kUp);
  EXPECT_EQ(kept[0].backends(2).state(), kDown);
  EXPECT_FALSE(kept[1].is_complete());
  EXPECT_EQ(kept[1].backends_size(), 1);
}

TEST(ViewLog, LargeViewsAreListedPieceByPieceAndForgottenByTheirBytes) {
  ViewLog log;
  const std::string long_name(1 << 20, 'n');
  for (uint64_t view = 1; view <= 100; ++view)
    log.add(view_of(view, view, {{long_name, kUp}}));

  size_t listed = 0;
  uint64_t after = 0;
  for (auto piece = log.list(after); !piece.empty(); piece = log.list(after)) {
    EXPECT_LE(piece.size(), 4u);
    listed += piece.size();
    after = piece.back().view();
  }

  EXPECT_EQ(after, 100u);
  EXPECT_LE(listed, 64u);
  EXPECT_GT(listed, 40u);
}

}  // namespace
}  // namespace sluice::dataplane

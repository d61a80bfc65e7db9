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

v1::ViewRecord with_pool(v1::ViewRecord record, const std::string& pool) {
  v1::DegradedView& view = *record.add_degraded();
  view.set_route("chat");
  view.set_pool(pool);
  view.set_is_degraded(true);
  return record;
}

v1::ViewRecord with_records(v1::ViewRecord record, bool can_record) {
  record.set_can_record(can_record);
  return record;
}

// "blue!" became degraded or is, "blue" is so no longer.
std::vector<std::string> degraded_of(const v1::ViewRecord& record) {
  std::vector<std::string> pools;
  for (const v1::DegradedView& view : record.degraded())
    pools.push_back(view.pool() + (view.is_degraded() ? "!" : ""));
  return pools;
}

using Pools = std::vector<std::string>;

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

TEST(ViewLog, DegradedPoolsAreToldWhenThatChangesAndAllOfThemInACompleteView) {
  ViewLog log;
  log.add(with_pool(view_of(1, 1, {}), "blue"));
  log.add(with_pool(with_pool(view_of(2, 1, {}), "blue"), "green"));
  log.add(with_pool(view_of(3, 1, {}), "green"));
  log.add(with_pool(view_of(4, 1, {{"a", kUp}}), "green"));
  log.add(with_pool(view_of(5, 2, {{"a", kUp}}), "green"));

  const auto views = log.list(0);

  EXPECT_EQ(degraded_of(views[0]), Pools{"blue!"});
  EXPECT_EQ(degraded_of(views[1]), Pools{"green!"});
  EXPECT_EQ(degraded_of(views[2]), Pools{"blue"});
  EXPECT_EQ(degraded_of(views[3]), Pools{});
  EXPECT_EQ(degraded_of(views[4]), Pools{"green!"}) << "another generation";
}

TEST(ViewLog, WhetherRecordsAreKeptIsToldWhenThatChangesAndInACompleteView) {
  ViewLog log;
  log.add(with_records(view_of(1, 1, {}), true));
  log.add(with_records(view_of(2, 1, {}), false));
  log.add(with_records(view_of(3, 1, {{"a", kUp}}), false));
  log.add(with_records(view_of(4, 2, {}), false));

  const auto views = log.list(0);

  EXPECT_TRUE(views[0].can_record());
  EXPECT_TRUE(views[1].has_can_record());
  EXPECT_FALSE(views[1].can_record());
  EXPECT_FALSE(views[2].has_can_record());
  EXPECT_TRUE(views[3].has_can_record());
}

TEST(ViewLog, OldestKeptIsMadeCompleteInWhatIsDegradedAndRecordedToo) {
  ViewLog log;
  const uint64_t views = ViewLog::kViewsMax + 2;
  log.add(with_records(with_pool(with_pool(view_of(1, 1, {}), "blue"), "green"), false));
  for (uint64_t view = 2; view <= views; ++view)
    log.add(with_records(with_pool(view_of(view, 1, {}), "green"), false));

  const auto kept = log.list(0);

  ASSERT_EQ(kept.size(), ViewLog::kViewsMax);
  EXPECT_EQ(degraded_of(kept[0]), Pools{"green!"});
  EXPECT_TRUE(kept[0].has_can_record());
  EXPECT_FALSE(kept[0].can_record());
  EXPECT_FALSE(kept[1].has_can_record());
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

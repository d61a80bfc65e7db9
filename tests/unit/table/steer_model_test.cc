// SPDX-License-Identifier: Apache-2.0
//
// Steering, as `explain` tells it, equals the naive model over random policies.
#include <gtest/gtest.h>

#include <map>

#include "dataplane/table/explain.h"
#include "dataplane/table/from_proto.h"
#include "tests/support/model/model.h"
#include "tests/support/random_table.h"

namespace sluice::dataplane {
namespace {

constexpr uint64_t kWorlds = 100;
constexpr int kTuplesPerWorld = 1000;

void expect_equal(const v1::ExplainResponse& told, const ModelAnswer& model) {
  ASSERT_EQ(told.verdict(), model.verdict);
  ASSERT_EQ(told.service(), model.service);
  ASSERT_EQ(told.client_class(), model.client_class);
  ASSERT_EQ(told.matched_prefix(), model.matched_prefix);
  ASSERT_EQ(told.route(), model.route);
  ASSERT_EQ(told.split_bucket(), model.bucket);
  ASSERT_EQ(told.split_pool(), model.split_pool);
  ASSERT_EQ(told.rollout(), model.rollout);
  ASSERT_EQ(told.pool(), model.pool);
  ASSERT_EQ(told.slot(), model.slot);
  ASSERT_EQ(told.slot_owner(), model.slot_owner);
  ASSERT_EQ(told.backend(), model.backend);
  if (model.verdict == v1::STEER_VERDICT_FORWARD) {
    ASSERT_EQ(told.pool_cause(), model.cause);
  }
}

TEST(Steering, EqualsTheModelOnAHundredThousandTuples) {
  Registry registry;
  std::shared_ptr<const Table> previous;
  std::map<std::pair<int, int>, int> seen;  // (verdict, cause) -> tuples
  for (uint64_t seed = 0; seed < kWorlds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const RandomWorld world = random_world(seed);
    const auto built = build_table(world.table, previous.get(), registry);
    ASSERT_TRUE(built.ok()) << built.status();
    const auto snapshot = make_snapshot(built->table, 1, conditions_of(world, *built->table),
                                        world.now_unix_ms, world.node);
    const Model model(world.table, world.probed, world.now_unix_ms, world.node.degraded);
    Random random(seed);
    for (int i = 0; i < kTuplesPerWorld; ++i) {
      const v1::ExplainRequest request = random_tuple(world.table, random);
      SCOPED_TRACE(request.ShortDebugString());
      v1::ExplainResponse told;
      ASSERT_TRUE(explain(*snapshot, request, told).ok());
      ASSERT_NO_FATAL_FAILURE(expect_equal(told, model.answer(request)));
      ++seen[{told.verdict(), told.pool_cause()}];
    }
    previous = built->table;
  }
  // Every way through steering was taken.
  EXPECT_EQ(seen.size(), 7u);
  for (const auto& [way, tuples] : seen)
    EXPECT_GT(tuples, 500) << way.first << way.second;
}

}  // namespace
}  // namespace sluice::dataplane

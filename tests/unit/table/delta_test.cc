// SPDX-License-Identifier: Apache-2.0
//
// A delta turns its base into its target, and nothing else into anything.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "dataplane/table/canonical_from_proto.h"
#include "dataplane/table/from_proto.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/support/random_table.h"
#include "tests/unit/table/small_table.h"

namespace sluice::dataplane {
namespace {

using google::protobuf::util::MessageDifferencer;

TEST(TableDigest, DoesNotDependOnTheOrderOfLists) {
  const v1::ForwardingTable table = random_world(11).table;
  v1::ForwardingTable shuffled = table;
  std::mt19937_64 random(9);
  std::shuffle(shuffled.mutable_pools()->begin(), shuffled.mutable_pools()->end(), random);
  std::shuffle(shuffled.mutable_steering()->begin(), shuffled.mutable_steering()->end(), random);
  for (auto& entry : *shuffled.mutable_client_classes()) {
    std::shuffle(entry.mutable_prefixes()->begin(), entry.mutable_prefixes()->end(), random);
  }

  EXPECT_EQ(table_digest(shuffled), table_digest(table));
  EXPECT_EQ(table_digest(table).size(), 32u);
}

TEST(TableDigest, DependsOnTheOrderOfFallbacks) {
  v1::ForwardingTable table = small_table();
  const std::string before = table_digest(table);
  table.mutable_routes(0)->mutable_fallback()->SwapElements(0, 1);
  EXPECT_NE(table_digest(table), before);
}

TEST(TableDelta, HoldsOnlyWhatChanged) {
  const v1::ForwardingTable base = small_table();
  v1::ForwardingTable target = base;
  target.set_generation(4);
  target.mutable_routes(0)->mutable_split(0)->set_weight(80);
  target.mutable_client_classes()->RemoveLast();
  target.mutable_steering()->RemoveLast();

  const v1::TableDelta delta = make_delta(&base, target);

  EXPECT_EQ(delta.changed().generation(), 4u);
  EXPECT_EQ(delta.changed().routes_size(), 1);
  EXPECT_EQ(delta.changed().pools_size(), 0);
  ASSERT_EQ(delta.removed_client_classes_size(), 1);
  EXPECT_EQ(delta.removed_client_classes(0), "us");
  EXPECT_EQ(delta.removed_steering_size(), 1);
  EXPECT_FALSE(delta.overrides_replaced());
}

TEST(TableDelta, TurnsBaseIntoTargetForRandomTables) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const v1::ForwardingTable base = random_world(seed).table;
    v1::ForwardingTable target = random_world(seed + 1).table;
    if (seed % 2 == 0) target.mutable_overrides()->Clear();

    const auto applied = apply_delta(base, make_delta(&base, target));

    ASSERT_TRUE(applied.ok()) << applied.status();
    EXPECT_TRUE(MessageDifferencer::Equals(*applied, canonical(target)));
  }
}

TEST(TableDelta, WithoutBaseIsTheWholeTable) {
  const v1::ForwardingTable target = small_table();
  const auto applied = apply_delta(random_world(3).table, make_delta(nullptr, target));

  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(table_digest(*applied), table_digest(target));
}

TEST(TableDelta, RefusesAnotherBase) {
  const v1::ForwardingTable base = small_table();
  const v1::TableDelta delta = make_delta(&base, random_world(1).table);
  EXPECT_EQ(apply_delta(random_world(2).table, delta).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

TEST(TableDelta, RefusesAResultWithAnotherDigest) {
  const v1::ForwardingTable base = small_table();
  v1::TableDelta delta = make_delta(&base, random_world(1).table);
  delta.mutable_changed()->set_generation(77);
  EXPECT_EQ(apply_delta(base, delta).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::dataplane

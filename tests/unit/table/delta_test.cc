// SPDX-License-Identifier: Apache-2.0
//
// A delta turns its base into its target, and nothing else into anything.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "dataplane/table/canonical_from_proto.h"
#include "dataplane/table/from_proto.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"
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

  EXPECT_EQ(CanonicalTable(shuffled).digest(), CanonicalTable(table).digest());
  EXPECT_EQ(CanonicalTable(table).digest().size(), 32u);
}

TEST(CanonicalTable, HasTheBytesOfADeterministicSerialization) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const CanonicalTable table = random_world(seed).table;
    std::string expected;
    {
      google::protobuf::io::StringOutputStream target(&expected);
      google::protobuf::io::CodedOutputStream stream(&target);
      stream.SetSerializationDeterministic(true);
      table.message().SerializeToCodedStream(&stream);
    }

    EXPECT_EQ(table.bytes(), expected);
  }
}

TEST(CanonicalTable, KnowsTheBytesOfEachElement) {
  constexpr int kPools = v1::ForwardingTable::kPoolsFieldNumber;
  const CanonicalTable base = small_table();
  v1::ForwardingTable changed = small_table();
  changed.mutable_pools(1)->mutable_backends(0)->set_weight(7);
  const CanonicalTable target = changed;

  EXPECT_EQ(target.bytes_of(kPools, 0), base.bytes_of(kPools, 0));
  EXPECT_NE(target.bytes_of(kPools, 1), base.bytes_of(kPools, 1));
  EXPECT_EQ(target.bytes_of(kPools, 2), base.bytes_of(kPools, 2));
  EXPECT_EQ(target.bytes_of(v1::ForwardingTable::kOverridesFieldNumber), "");
  std::string pools;
  for (int i = 0; i < 3; ++i)
    pools += target.bytes_of(kPools, i);
  EXPECT_EQ(target.bytes_of(kPools), pools);
}

TEST(TableDigest, DoesNotDependOnTheOrderOfRollouts) {
  v1::ForwardingTable table = small_table();
  add_rollout(table, "v1", "v2", 10'000);
  add_rollout(table, "v2", "v1", 20'000);
  const std::string before = CanonicalTable(table).digest();
  table.mutable_routes(0)->mutable_rollouts()->SwapElements(0, 1);

  EXPECT_EQ(CanonicalTable(table).digest(), before);
}

TEST(TableDelta, CarriesAStepOfARollout) {
  v1::ForwardingTable message = small_table();
  add_rollout(message, "v1", "v2", 10'000);
  const CanonicalTable base = message;
  message.mutable_routes(0)->mutable_rollouts(0)->set_weight(100'000);
  const CanonicalTable target = message;
  const v1::TableDelta delta = make_delta(&base, target);

  ASSERT_EQ(delta.changed().routes_size(), 1);
  EXPECT_EQ(delta.changed().pools_size(), 0);
  const auto applied = apply_delta(&base, delta);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->message().routes(0).rollouts(0).weight(), 100'000u);
}

TEST(TableDigest, DependsOnTheOrderOfFallbacks) {
  v1::ForwardingTable table = small_table();
  const std::string before = CanonicalTable(table).digest();
  table.mutable_routes(0)->mutable_fallback()->SwapElements(0, 1);
  EXPECT_NE(CanonicalTable(table).digest(), before);
}

TEST(TableDelta, HoldsOnlyWhatChanged) {
  const CanonicalTable base = small_table();
  v1::ForwardingTable target = base.message();
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
    const CanonicalTable base = random_world(seed).table;
    v1::ForwardingTable target = random_world(seed + 1).table;
    if (seed % 2 == 0) target.mutable_overrides()->Clear();

    const auto applied = apply_delta(&base, make_delta(&base, target));

    ASSERT_TRUE(applied.ok()) << applied.status();
    EXPECT_TRUE(MessageDifferencer::Equals(applied->message(), CanonicalTable(target).message()));
  }
}

TEST(TableDelta, WithoutBaseIsTheWholeTable) {
  const CanonicalTable target = small_table();
  const CanonicalTable other = random_world(3).table;
  const auto applied = apply_delta(&other, make_delta(nullptr, target));

  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->digest(), target.digest());
}

TEST(TableDelta, RefusesAnotherBase) {
  const CanonicalTable base = small_table();
  const CanonicalTable other = random_world(2).table;
  const v1::TableDelta delta = make_delta(&base, random_world(1).table);
  EXPECT_EQ(apply_delta(nullptr, delta).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(apply_delta(&other, delta).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(TableDelta, RefusesAResultWithAnotherDigest) {
  const CanonicalTable base = small_table();
  v1::TableDelta delta = make_delta(&base, random_world(1).table);
  delta.mutable_changed()->set_generation(77);
  EXPECT_EQ(apply_delta(&base, delta).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::dataplane

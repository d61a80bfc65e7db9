// SPDX-License-Identifier: Apache-2.0
//
// Ids are stable while in use and never given twice.
#include "dataplane/table/registry.h"

#include <gtest/gtest.h>

#include <set>

namespace sluice::dataplane {
namespace {

BackendIdentity identity(int number) {
  return {"pool", "backend-" + std::to_string(number), *IpAddress::parse("10.0.0.1")};
}

TEST(Registry, GivesABackendTheSameIdAgain) {
  Registry registry;
  const auto id = registry.backend(identity(1));

  EXPECT_FALSE(id->is_none());
  EXPECT_EQ(registry.backend(identity(1)), id);
  EXPECT_NE(registry.backend(identity(2)), id);
}

TEST(Registry, GivesAReleasedIndexWithANewGeneration) {
  Registry registry;
  const BackendId gone = *registry.backend(identity(1));
  const BackendId kept = *registry.backend(identity(2));

  registry.release_all_but({{kept}});
  const BackendId next = *registry.backend(identity(3));

  EXPECT_EQ(next.index(), gone.index());
  EXPECT_NE(next, gone);
  EXPECT_EQ(registry.backend(identity(2)), kept);
}

TEST(Registry, GivesABackendThatReturnsANewId) {
  Registry registry;
  const BackendId before = *registry.backend(identity(1));
  registry.release_all_but({});
  EXPECT_NE(*registry.backend(identity(1)), before);
}

TEST(Registry, TakesAnotherAddressForAnotherBackend) {
  Registry registry;
  BackendIdentity moved = identity(1);
  moved.address = *IpAddress::parse("10.0.0.2");
  EXPECT_NE(registry.backend(identity(1)), registry.backend(moved));
}

TEST(Registry, RemembersRolloutsByName) {
  Registry registry;
  const RolloutId id = registry.rollout("chat-v2");

  EXPECT_FALSE(id.is_none());
  EXPECT_EQ(registry.rollout("chat-v2"), id);
  EXPECT_NE(registry.rollout("chat-v3"), id);
  EXPECT_EQ(registry.name(id), "chat-v2");
  EXPECT_EQ(registry.name(RolloutId{}), std::nullopt);
  EXPECT_EQ(registry.name(RolloutId{3}), std::nullopt);
}

TEST(Registry, NeverGivesAnIdTwice) {
  Registry registry;
  std::set<uint32_t> seen;
  uint32_t highest_index = 0;
  for (int i = 0; i < 10000; ++i) {  // more than the 4095 generations of one index
    const BackendId id = *registry.backend(identity(i));
    EXPECT_TRUE(seen.insert(id.value).second) << i;
    highest_index = std::max(highest_index, id.index());
    registry.release_all_but({});
  }
  EXPECT_EQ(highest_index, 2u);  // two indices have retired
}

TEST(Registry, NamesTargetsAfterTheirTableIsGone) {
  Registry registry;
  const TargetNames names{"chat", "chat-eu", "", identity(1), {{"version", "v1"}}};
  const TargetId id = *registry.target(names);
  registry.release_all_but({});

  EXPECT_EQ(registry.names(id)->route, "chat-eu");
  EXPECT_EQ(registry.target(names), id);
  EXPECT_EQ(registry.target_count(), 1u);
  EXPECT_FALSE(registry.names(TargetId{2}));
  EXPECT_FALSE(registry.names(TargetId{}));
}

TEST(Registry, GivesATargetWithOtherLabelsAnotherId) {
  Registry registry;
  TargetNames names{"chat", "chat-eu", "", identity(1), {{"version", "v1"}}};
  const TargetId id = *registry.target(names);
  names.pool_labels["version"] = "v2";

  const TargetId relabelled = *registry.target(names);
  EXPECT_NE(relabelled, id);
  EXPECT_EQ(registry.names(relabelled)->pool_labels.at("version"), "v2");
  EXPECT_EQ(registry.names(id)->pool_labels.at("version"), "v1") << "records of flows that go on";

  names.pool_labels["version"] = "v1";
  EXPECT_EQ(registry.target(names), id);
}

TEST(Registry, TellsARolloutsFlowsFromTheRoutesOthers) {
  Registry registry;
  TargetNames names{"chat", "chat-eu", "", identity(1), {}};
  const TargetId id = *registry.target(names);
  names.rollout = "chat-v2";

  const TargetId given = *registry.target(names);
  EXPECT_NE(given, id);
  EXPECT_EQ(registry.names(given)->rollout, "chat-v2");
  EXPECT_EQ(registry.names(id)->rollout, "");
}

TEST(Registry, RefusesTargetsBeyondTheCounterLines) {
  Registry registry;
  TargetNames names{"chat", "", "", identity(1), {}};
  for (uint32_t i = 1; i < Registry::kTargetsMax; ++i) {
    names.route = std::to_string(i);
    ASSERT_TRUE(registry.target(names));
  }
  names.route = "one more";
  EXPECT_FALSE(registry.target(names));
}

TEST(Registry, NumbersClientClassesByName) {
  Registry registry;
  const ClassId eu = registry.client_class("eu");
  const ClassId us = registry.client_class("us");

  EXPECT_NE(eu, us);
  EXPECT_EQ(registry.client_class("eu"), eu);
  EXPECT_EQ(registry.name(us), "us");
  EXPECT_FALSE(registry.name(ClassId{}));
}

}  // namespace
}  // namespace sluice::dataplane

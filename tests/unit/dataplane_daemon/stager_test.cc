// SPDX-License-Identifier: Apache-2.0
//
// Which tables are let in.
#include "dataplane/daemon/stager.h"

#include <gtest/gtest.h>

#include "dataplane/daemon/boot_table.h"
#include "dataplane/table/from_proto.h"
#include "tests/unit/dataplane_daemon/fake_fabric.h"
#include "tests/unit/dataplane_daemon/scratch_directory.h"
#include "tests/unit/dataplane_daemon/small_table.h"

namespace sluice::dataplane {
namespace {

const std::vector<SmallBackend> kOne = {{"a", "10.77.1.11"}};

struct World {
  ScratchDirectory directory;
  std::vector<std::string> steps;
  FakeCores cores{steps};
  FakeLinks links{steps};
  TableStore store{directory.path()};
  Registry registry;
  Forwarding forwarding{cores, links, store, [](auto, const auto&) {}};
  Stager stager{
      registry, [this] { return forwarding.state(); },
      [this](const ReadyTable& next) { return forwarding.switch_to(next, Durability::kSave); }};

  absl::StatusOr<v1::StageResponse> stage(const v1::ForwardingTable& table) {
    return stager.stage(make_delta(forwarding.state()->pushed.get(), table));
  }
  uint64_t running() const {
    const auto state = forwarding.state();
    return state->pushed == nullptr ? 0 : state->pushed->generation();
  }
  void run(const v1::ForwardingTable& table) {
    ASSERT_TRUE(stage(table).ok());
    ASSERT_TRUE(stager.commit(table.generation()).ok());
  }
};

TEST(Stager, StagedTableRunsWhenCommitted) {
  World world;

  const auto staged = world.stage(small_table(5, kOne));

  ASSERT_TRUE(staged.ok()) << staged.status();
  EXPECT_EQ(staged->generation(), 5u);
  EXPECT_EQ(staged->pools_built(), 1u);
  EXPECT_EQ(world.running(), 0u);
  EXPECT_EQ(world.stager.staged_generation(), 5u);

  const auto committed = world.stager.commit(5);
  ASSERT_TRUE(committed.ok()) << committed.status();
  EXPECT_EQ(committed->view(), 1u);
  EXPECT_EQ(world.running(), 5u);
  EXPECT_EQ(world.stager.staged_generation(), 0u);
}

TEST(Stager, UnchangedPoolIsShared) {
  World world;
  world.run(small_table(1, kOne));

  const auto staged = world.stage(small_table(2, kOne));

  ASSERT_TRUE(staged.ok()) << staged.status();
  EXPECT_EQ(staged->pools_built(), 0u);
  EXPECT_EQ(staged->pools_shared(), 1u);
}

TEST(Stager, OlderTablesAreRefused) {
  World world;
  v1::ForwardingTable running = small_table(5, kOne);
  running.set_term(2);
  running.set_revision(7);
  world.run(running);
  struct Row {
    uint64_t term, revision, generation;
    std::string complaint;
  };
  const Row rows[] = {
      {1, 9, 9, "term 1 revision 9 is older than term 2 revision 7"},
      {2, 6, 9, "term 2 revision 6 is older than term 2 revision 7"},
      {2, 7, 4, "generation 4 is not newer than 5"},
      {2, 8, 5, "generation 5 is not newer than 5"},
  };
  for (const Row& row : rows) {
    v1::ForwardingTable table = small_table(row.generation, kOne);
    table.set_term(row.term);
    table.set_revision(row.revision);

    const auto staged = world.stage(table);

    EXPECT_EQ(staged.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(staged.status().message().find(row.complaint), std::string::npos) << staged.status();
    EXPECT_EQ(world.running(), 5u);
  }
}

TEST(Stager, NewTermMayKeepTheRevision) {
  World world;
  world.run(small_table(5, kOne));
  v1::ForwardingTable next = small_table(6, kOne);
  next.set_term(1);
  next.set_revision(1);

  EXPECT_TRUE(world.stage(next).ok());
}

TEST(Stager, WhatRunsCanBeStagedAndCommittedAgain) {
  World world;
  world.run(small_table(5, kOne));
  world.steps.clear();

  const auto staged = world.stager.stage(make_delta(nullptr, small_table(5, kOne)));

  ASSERT_TRUE(staged.ok()) << staged.status();
  EXPECT_EQ(staged->pools_shared(), 1u);
  EXPECT_TRUE(world.stager.commit(5).ok());
  EXPECT_TRUE(world.steps.empty()) << "nothing was published";
}

TEST(Stager, DeltaFromAnotherBaseIsRefused) {
  World world;
  world.run(small_table(5, kOne));
  const CanonicalTable other = small_table(4, {{"b", "10.77.1.12"}});

  const auto staged = world.stager.stage(make_delta(&other, small_table(6, kOne)));

  EXPECT_EQ(staged.status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Stager, InvalidTableIsRefusedWithItsViolations) {
  World world;
  v1::ForwardingTable table = small_table(1, kOne);
  table.mutable_pools(0)->set_table_slots(250);
  table.mutable_routes(0)->mutable_split(0)->set_pool("nowhere");

  const auto staged = world.stage(table);

  EXPECT_EQ(staged.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(staged.status().message().find('\n'), std::string::npos) << staged.status();
  EXPECT_EQ(world.stager.staged_generation(), 0u);
}

TEST(Stager, CommitOfWhatIsNotStagedIsRefused) {
  World world;
  EXPECT_EQ(world.stager.commit(1).status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(world.stage(small_table(2, kOne)).ok());
  EXPECT_EQ(world.stager.commit(1).status().message(), "generation 1 is not staged; 2 is");
}

TEST(Stager, AbortForgets) {
  World world;
  world.stager.abort();
  ASSERT_TRUE(world.stage(small_table(2, kOne)).ok());

  world.stager.abort();

  EXPECT_EQ(world.stager.staged_generation(), 0u);
  EXPECT_EQ(world.stager.commit(2).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(Stager, FailedCommitCanBeTriedAgain) {
  World world;
  ASSERT_TRUE(world.stage(small_table(2, kOne)).ok());
  world.links.next_steer = absl::ResourceExhaustedError("map full");
  EXPECT_EQ(world.stager.commit(2).status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(world.running(), 0u);

  world.links.next_steer = absl::OkStatus();

  EXPECT_TRUE(world.stager.commit(2).ok());
}

TEST(Stager, StuckLcoreDoesNotUndoTheCommit) {
  World world;
  ASSERT_TRUE(world.stage(small_table(2, kOne)).ok());
  world.cores.next_publish = absl::UnavailableError("in force, but lcore 3 did not come round");

  EXPECT_EQ(world.stager.commit(2).status().code(), absl::StatusCode::kUnavailable);

  EXPECT_EQ(world.running(), 2u);
  EXPECT_EQ(world.stager.staged_generation(), 0u);
}

TEST(DeltaAssembler, BoundsAndForm) {
  DeltaAssembler assembler;
  EXPECT_EQ(assembler.finish().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(assembler.add(std::string(DeltaAssembler::kChunkBytesMax + 1, 'x')).code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(assembler.add("\xff").ok());
  EXPECT_EQ(assembler.finish().status().code(), absl::StatusCode::kInvalidArgument);

  const std::string bytes = make_delta(nullptr, small_table(1, kOne)).SerializeAsString();
  DeltaAssembler in_pieces;
  for (const char byte : bytes)
    ASSERT_TRUE(in_pieces.add(std::string(1, byte)).ok());
  EXPECT_EQ(in_pieces.finish()->changed().generation(), 1u);
}

TEST(BootTable, NewerOneIsChosen) {
  const auto given = small_table(3, kOne);
  const auto older = small_table(2, kOne);
  const auto newer = small_table(4, kOne);

  EXPECT_FALSE(choose_boot_table(std::nullopt, std::nullopt).has_value());
  EXPECT_EQ(choose_boot_table(std::nullopt, older)->message.generation(), 2u);
  EXPECT_EQ(choose_boot_table(given, std::nullopt)->durability, Durability::kSave);
  EXPECT_EQ(choose_boot_table(given, older)->message.generation(), 3u);
  EXPECT_EQ(choose_boot_table(given, given)->durability, Durability::kSave);
  EXPECT_EQ(choose_boot_table(given, newer)->message.generation(), 4u);
  EXPECT_EQ(choose_boot_table(given, newer)->durability, Durability::kAlreadySaved);
}

}  // namespace
}  // namespace sluice::dataplane

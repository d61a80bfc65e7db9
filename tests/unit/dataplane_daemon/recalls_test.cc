// SPDX-License-Identifier: Apache-2.0
//
// Recalls as the node follows them: what it publishes, and what it says became of the flows.
#include "dataplane/daemon/recalls.h"

#include <gtest/gtest.h>

#include "dataplane/daemon/forwarding.h"
#include "dataplane/daemon/stager.h"
#include "tests/unit/dataplane_daemon/fake_fabric.h"
#include "tests/unit/dataplane_daemon/scratch_directory.h"
#include "tests/unit/dataplane_daemon/small_table.h"

namespace sluice::dataplane {
namespace {

const std::vector<SmallBackend> kTwo = {{"a", "10.77.1.11"}, {"b", "10.77.1.12"}};

class RecallsTest : public testing::Test {
 protected:
  void push(const v1::ForwardingTable& table) {
    const auto state = forwarding.state();
    auto ready = make_ready(CanonicalTable(table),
                            state->snapshot ? state->snapshot->table.get() : nullptr, registry);
    ASSERT_TRUE(ready.ok()) << ready.status();
    ASSERT_TRUE(forwarding.switch_to(*ready, Durability::kSave).ok());
  }
  // With a recall of this backend, or of the whole pool when it is empty.
  v1::ForwardingTable recalled(uint64_t generation, const std::string& backend) {
    v1::ForwardingTable table = small_table(generation, kTwo);
    add_override(table, backend, v1::Override::STATE_RECALLED);
    return table;
  }
  std::vector<v1::RecallStatus> status() {
    const auto state = forwarding.state();
    return recall_status(state->recalls, state->backends, cores, registry);
  }
  v1::BackendState state_of(size_t backend) {
    return forwarding.state()->backends.at(backend).state();
  }

  ScratchDirectory directory;
  std::vector<std::string> steps;
  FakeCores cores{steps};
  FakeLinks links{steps};
  TableStore store{directory.path()};
  Registry registry;
  Forwarding forwarding{cores, links, store, [](auto, const auto&) {}};
};

TEST_F(RecallsTest, CountWhatWasCutSinceAndWhatIsLeft) {
  push(small_table(1, kTwo));
  ASSERT_EQ(registry.target_count(), 2u);
  cores.targets = {{},
                   {.flows_opened = 10, .flows_ended = 4, .flows_recalled = 3},
                   {.flows_opened = 5, .flows_ended = 0}};

  push(recalled(2, ""));

  EXPECT_EQ(cores.published->recall, 1u);
  EXPECT_FALSE(cores.published->serving[0].new_flows);
  EXPECT_FALSE(cores.published->serving[0].adopted);
  ASSERT_EQ(status().size(), 1u);
  EXPECT_EQ(status()[0].pool(), "chat-v1");
  EXPECT_EQ(status()[0].backend(), "");
  EXPECT_EQ(status()[0].flows_cut(), 0u) << "the three before belong to another recall";
  EXPECT_EQ(status()[0].residual(), 11u);
  EXPECT_FALSE(status()[0].is_swept());
  EXPECT_GT(status()[0].since().seconds(), 0);

  cores.targets[1] = {.flows_opened = 10, .flows_ended = 10, .flows_recalled = 9};
  cores.targets[2] = {.flows_opened = 5, .flows_ended = 5, .flows_recalled = 5};
  cores.lcores = {{.lcore = 1, .swept_recall = 1}, {.lcore = 2, .swept_recall = 0}};
  EXPECT_FALSE(status()[0].is_swept()) << "an lcore has not looked yet";
  cores.lcores[1].swept_recall = 1;

  EXPECT_EQ(status()[0].flows_cut(), 11u);
  EXPECT_EQ(status()[0].residual(), 0u);
  EXPECT_TRUE(status()[0].is_swept());
}

TEST_F(RecallsTest, LiftedGivesBackendsWhatTheirHealthSays) {
  push(small_table(1, kTwo));
  push(recalled(2, ""));
  EXPECT_EQ(state_of(0), v1::BACKEND_STATE_RECALLED);

  push(small_table(3, kTwo));

  EXPECT_TRUE(status().empty());
  EXPECT_EQ(state_of(0), v1::BACKEND_STATE_UP);
  EXPECT_TRUE(cores.published->serving[0].new_flows);
  EXPECT_EQ(cores.published->recall, 1u) << "nothing more is to be swept";
}

TEST_F(RecallsTest, SameRecallAfterItWasLiftedIsAnotherOne) {
  push(small_table(1, kTwo));
  push(recalled(2, ""));
  cores.lcores[0].swept_recall = 1;
  cores.targets = {{}, {.flows_opened = 4, .flows_ended = 4, .flows_recalled = 4}};
  EXPECT_EQ(status()[0].flows_cut(), 4u);
  push(small_table(3, kTwo));

  push(recalled(4, ""));

  EXPECT_EQ(cores.published->recall, 2u);
  EXPECT_FALSE(status()[0].is_swept());
  EXPECT_EQ(status()[0].flows_cut(), 0u);
}

TEST_F(RecallsTest, OfOneBackendLeavesTheOthers) {
  push(small_table(1, kTwo));
  cores.targets = {{}, {.flows_opened = 7}, {.flows_opened = 5}};

  push(recalled(2, "b"));

  EXPECT_EQ(state_of(0), v1::BACKEND_STATE_UP);
  EXPECT_EQ(state_of(1), v1::BACKEND_STATE_RECALLED);
  EXPECT_EQ(status()[0].backend(), "b");
  EXPECT_EQ(status()[0].residual(), 5u);
  EXPECT_TRUE(cores.published->serving[0].new_flows);
}

TEST_F(RecallsTest, StaysTheSameThroughOtherTablesAndGrowsWithThePool) {
  push(recalled(1, ""));
  cores.lcores[0].swept_recall = 1;
  const int64_t since = status()[0].since().seconds();

  push(recalled(2, ""));
  EXPECT_TRUE(status()[0].is_swept());
  EXPECT_EQ(status()[0].since().seconds(), since);

  v1::ForwardingTable larger = small_table(3, {kTwo[0], kTwo[1], {"c", "10.77.1.13"}});
  add_override(larger, "", v1::Override::STATE_RECALLED);
  push(larger);
  EXPECT_EQ(state_of(2), v1::BACKEND_STATE_RECALLED);
  EXPECT_FALSE(status()[0].is_swept());
}

TEST_F(RecallsTest, RecallIsOverHealthAndOverDrains) {
  v1::ForwardingTable table = recalled(1, "");
  add_health(table);
  add_override(table, "a", v1::Override::STATE_DRAINING);
  push(table);
  forwarding.on_health(
      {{"chat-v1", "b", *IpAddress::parse("10.77.1.12")}, Health::kDown, "refused"});
  forwarding.tick();

  EXPECT_EQ(state_of(0), v1::BACKEND_STATE_RECALLED);
  EXPECT_EQ(state_of(1), v1::BACKEND_STATE_RECALLED);
}

}  // namespace
}  // namespace sluice::dataplane

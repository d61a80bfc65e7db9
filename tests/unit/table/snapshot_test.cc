// SPDX-License-Identifier: Apache-2.0
//
// Which pools serve, and what a backend's line says.
#include "dataplane/table/snapshot.h"

#include <gtest/gtest.h>

#include "dataplane/table/from_proto.h"
#include "tests/unit/table/small_table.h"

namespace sluice::dataplane {
namespace {

using enum BackendState;

class SnapshotTest : public testing::Test {
 protected:
  // The serving of pool v1 when its two backends are in these states.
  PoolServing serving(BackendState a, BackendState b, int64_t now_unix_ms = 0) {
    const auto snapshot = make(a, b, now_unix_ms);
    return snapshot->serving[0];
  }

  std::unique_ptr<const Snapshot> make(BackendState a, BackendState b, int64_t now_unix_ms = 0) {
    auto built = build_table(message_, nullptr, registry_);
    EXPECT_TRUE(built.ok()) << built.status();
    std::vector<BackendCondition> conditions(built->table->backend_capacity);
    for (BackendCondition& condition : conditions)
      condition.state = kUp;
    conditions[0].state = a;
    conditions[1].state = b;
    conditions[1].next_hop = {.resolved = true,
                              .port = 3,
                              .mtu = 9000,
                              .destination_mac = {2, 0, 0, 0, 0, 1},
                              .source_mac = {2, 0, 0, 0, 0, 2},
                              .source = *IpAddress::parse("10.77.1.2")};
    return make_snapshot(built->table, 7, conditions, now_unix_ms);
  }

  v1::PoolEntry& pool() { return *message_.mutable_pools(0); }

  v1::ForwardingTable message_ = small_table();
  Registry registry_;
};

TEST_F(SnapshotTest, APoolServesWhileMinUpBackendsAreUp) {
  pool().set_min_up(2);
  EXPECT_TRUE(serving(kUp, kUp).new_flows);
  EXPECT_FALSE(serving(kUp, kDown).new_flows);
  EXPECT_FALSE(serving(kUp, kDraining).new_flows);
  EXPECT_FALSE(serving(kUp, kRecalled).new_flows);
}

TEST_F(SnapshotTest, DrainingBackendsServeAdoptedFlowsOnly) {
  EXPECT_FALSE(serving(kDraining, kDown).new_flows);
  EXPECT_TRUE(serving(kDraining, kDown).adopted);
  EXPECT_FALSE(serving(kRecalled, kDown).adopted);
}

TEST_F(SnapshotTest, APoolWithOnlyWeightlessBackendsUpDoesNotServe) {
  pool().mutable_backends(0)->set_weight(0);
  EXPECT_FALSE(serving(kUp, kDown).new_flows);
  EXPECT_FALSE(serving(kUp, kDown).adopted);
  EXPECT_TRUE(serving(kDown, kUp).new_flows);
}

TEST_F(SnapshotTest, AWeightlessBackendCountsForMinUp) {
  pool().set_min_up(2);
  pool().mutable_backends(0)->set_weight(0);
  EXPECT_TRUE(serving(kUp, kUp).new_flows);
}

TEST_F(SnapshotTest, APoolStopsServingAtEligibleUntil) {
  pool().mutable_eligible_until()->set_seconds(1000);
  EXPECT_TRUE(serving(kUp, kUp, 999'999).new_flows);
  EXPECT_FALSE(serving(kUp, kUp, 1'000'000).new_flows);
  EXPECT_FALSE(serving(kUp, kUp, 1'000'000).adopted);
  EXPECT_FALSE(make(kUp, kUp, 999'999)->backends[0].expired);
  EXPECT_TRUE(make(kUp, kUp, 1'000'000)->backends[0].expired);
}

TEST_F(SnapshotTest, ABackendPastItsOwnTimeServesNoLongerAndTheOthersDo) {
  pool().mutable_backends(0)->mutable_eligible_until()->set_seconds(1000);
  const auto snapshot = make(kUp, kUp, 1'000'000);

  EXPECT_TRUE(snapshot->backends[0].expired);
  EXPECT_FALSE(snapshot->backends[0].keeps_flows);
  EXPECT_FALSE(snapshot->backends[1].expired);
  EXPECT_TRUE(snapshot->serving[0].new_flows);
  pool().set_min_up(2);
  EXPECT_TRUE(serving(kUp, kUp, 999'999).new_flows);
  EXPECT_FALSE(serving(kUp, kUp, 1'000'000).new_flows) << "it does not count as up";
}

TEST_F(SnapshotTest, ThePoolsTimeEndsABackendWhoseOwnIsLater) {
  pool().mutable_eligible_until()->set_seconds(1000);
  pool().mutable_backends(0)->mutable_eligible_until()->set_seconds(2000);
  EXPECT_TRUE(make(kUp, kUp, 1'000'000)->backends[0].expired);
}

TEST_F(SnapshotTest, WhatExpiredBeforeStaysSo) {
  auto built = build_table(message_, nullptr, registry_);
  std::vector<BackendCondition> conditions(built->table->backend_capacity,
                                           {.state = kUp, .expired = true});
  const auto snapshot = make_snapshot(built->table, 7, conditions, 0);
  EXPECT_TRUE(snapshot->backends[0].expired);
  EXPECT_FALSE(snapshot->serving[0].adopted);
}

TEST_F(SnapshotTest, KnowsWhichRoutesAreInTheirTime) {
  v1::WeekMinutes& span = *message_.mutable_routes(1)->add_times();
  span.set_begin(3 * 1440);  // Thursday 00:00
  span.set_end(3 * 1440 + 1);
  v1::SteeringEntry& us = *message_.mutable_steering(2);
  us.add_conditional_routes(us.route());
  us.clear_route();

  EXPECT_EQ(make(kUp, kUp, 59'999)->in_time, (std::vector<uint8_t>{1, 1}));
  EXPECT_EQ(make(kUp, kUp, 60'000)->in_time, (std::vector<uint8_t>{1, 0}));
}

TEST_F(SnapshotTest, ALineSaysHowToReachTheBackend) {
  const auto snapshot = make(kUp, kDraining);
  const PoolMember& member = snapshot->table->pools[0].members[1];
  const BackendLine* line = snapshot->find(member.id);

  ASSERT_NE(line, nullptr);
  EXPECT_EQ(snapshot->view, 7u);
  EXPECT_EQ(line->state, kDraining);
  EXPECT_EQ(line->pool, PoolIndex{0});
  EXPECT_EQ(line->port, 3);
  EXPECT_EQ(line->inner_bytes_max, 9000 - 20);
  EXPECT_TRUE(line->neighbor_resolved);
  EXPECT_EQ(line->ethernet, (std::array<uint8_t, 14>{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}));
  EXPECT_EQ(line->outer_bytes, 20);
  EXPECT_EQ(line->outer_addresses, (std::array<uint8_t, 32>{10, 77, 1, 2, 10, 77, 1, 12}));
}

TEST_F(SnapshotTest, FindsNoLineForAnOldGenerationOfAnIndex) {
  const auto snapshot = make(kUp, kUp);
  const BackendId id = snapshot->table->pools[0].members[0].id;

  EXPECT_NE(snapshot->find(id), nullptr);
  EXPECT_EQ(snapshot->find(BackendId::make(id.index(), id.generation() + 1)), nullptr);
  EXPECT_EQ(snapshot->find(BackendId::make(500, 1)), nullptr);
  EXPECT_EQ(snapshot->find(BackendId{}), nullptr);
}

}  // namespace
}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// What records and counters of an interval say about services, pools, backends, classes, clients.
#include "controlplane/service/interval_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sluice::controlplane {
namespace {

using ::testing::SizeIs;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

v1::ForwardingTable table() {
  v1::ForwardingTable table;
  table.add_client_classes()->set_name("eu");
  table.add_services()->set_name("chat");
  for (const char* name : {"blue", "green"}) {
    v1::PoolEntry& pool = *table.add_pools();
    pool.set_name(name);
    pool.add_backends()->set_name("one");
  }
  v1::RouteEntry& route = *table.add_routes();
  route.set_name("chat-eu");
  for (const auto& [pool, weight] : {std::pair("blue", 9U), std::pair("green", 1U)}) {
    v1::RouteSplit& part = *route.add_split();
    part.set_pool(pool);
    part.set_weight(weight);
  }
  return table;
}

v1::FlowRecord record(const std::string& pool) {
  v1::FlowRecord record;
  record.set_part(1);
  record.set_opened(v1::OPENED_SYN);
  record.set_client_class("eu");
  record.set_service("chat");
  record.set_route("chat-eu");
  record.set_pool(pool);
  record.set_backend("one");
  record.set_client_address(std::string("\xc6\x33\x64\x07", 4));
  record.mutable_start_time()->set_seconds(absl::ToUnixSeconds(kNow));
  return record;
}

v1::FlowRecord ended(v1::EndReason reason, bool has_handshake) {
  v1::FlowRecord ended = record("blue");
  ended.set_end_reason(reason);
  if (has_handshake) ended.mutable_handshake_time()->set_nanos(1000);
  return ended;
}

v1::ListCountersResponse counters(const std::string& node, uint64_t bytes, uint64_t active) {
  v1::ListCountersResponse response;
  v1::GetCountersResponse& entry = *response.add_nodes();
  entry.set_node(node);
  v1::TargetCounters& target = *entry.add_targets();
  target.set_service("chat");
  target.set_route("chat-eu");
  target.set_pool("blue");
  target.set_backend("one");
  target.set_bytes(bytes);
  target.set_flows_active(active);
  return response;
}

class IntervalCountsTest : public ::testing::Test {
 protected:
  void add(const std::vector<v1::FlowRecord>& records) {
    counts_.add(records, kNow - absl::Minutes(2));
  }
  Observation take(SubjectKind kind, const std::string& name) {
    return of(counts_.take(table(), 100), kind, name);
  }
  static Observation of(const std::vector<Observation>& all, SubjectKind kind,
                        const std::string& name) {
    for (const Observation& each : all) {
      if (each.subject == Subject{kind, name}) return each;
    }
    ADD_FAILURE() << "nothing of " << name;
    return {};
  }

  IntervalCounts counts_;
};

TEST_F(IntervalCountsTest, StartsCountOnceForEverySubject) {
  add({record("blue"), record("blue"), record("green")});
  const std::vector<Observation> all = counts_.take(table(), 100);

  EXPECT_EQ(of(all, SubjectKind::kService, "chat").new_flows, 3u);
  EXPECT_EQ(of(all, SubjectKind::kClass, "eu").new_flows, 3u);
  EXPECT_EQ(of(all, SubjectKind::kPool, "blue").new_flows, 2u);
  EXPECT_EQ(of(all, SubjectKind::kBackend, "green/one").new_flows, 1u);
  EXPECT_EQ(of(all, SubjectKind::kClientPrefix, "198.51.100.0/24").new_flows, 3u);
  const Observation service = of(all, SubjectKind::kService, "chat");
  ASSERT_THAT(service.top_clients, SizeIs(1));
  EXPECT_EQ(service.top_clients[0].key, "198.51.100.0/24");
  EXPECT_EQ(service.top_clients[0].count, 3u);
}

TEST_F(IntervalCountsTest, WhatNothingCameToHasZeros) {
  const std::vector<Observation> all = counts_.take(table(), 100);

  EXPECT_THAT(all, SizeIs(6));
  EXPECT_EQ(of(all, SubjectKind::kPool, "green").new_flows, 0u);
  EXPECT_FALSE(of(all, SubjectKind::kPool, "green").bytes.has_value()) << "no counters were read";
  EXPECT_FALSE(of(all, SubjectKind::kPool, "green").share.has_value());
}

TEST_F(IntervalCountsTest, AnIntervalKnowsNothingOfTheOneBefore) {
  add({record("blue")});
  counts_.take(table(), 100);
  EXPECT_EQ(take(SubjectKind::kService, "chat").new_flows, 0u);
}

TEST_F(IntervalCountsTest, WhatIsNotNewIsNoNewFlow) {
  v1::FlowRecord moved = record("blue");
  moved.set_part(2);
  v1::FlowRecord adopted = record("blue");
  adopted.set_opened(v1::OPENED_ADOPTED);
  v1::FlowRecord late = record("blue");
  late.mutable_start_time()->set_seconds(absl::ToUnixSeconds(kNow - absl::Hours(1)));
  add({moved, adopted, late});

  EXPECT_EQ(take(SubjectKind::kService, "chat").new_flows, 0u);
}

TEST_F(IntervalCountsTest, EndsSayHowFlowsWent) {
  add({ended(v1::END_REASON_FIN, true), ended(v1::END_REASON_RESET, true),
       ended(v1::END_REASON_IDLE, false)});
  const Observation pool = take(SubjectKind::kPool, "blue");

  EXPECT_EQ(pool.new_flows, 0u);
  EXPECT_EQ(pool.resets->part, 1u);
  EXPECT_EQ(pool.resets->whole, 3u);
  EXPECT_EQ(pool.handshakes->part, 2u);
  EXPECT_EQ(pool.handshakes->whole, 3u);
}

TEST_F(IntervalCountsTest, SharesStandBesideWhatIsConfigured) {
  add({record("blue"), record("blue"), record("green"), record("blue")});
  const Observation green = take(SubjectKind::kPool, "green");

  ASSERT_TRUE(green.share.has_value());
  EXPECT_EQ(green.share->flows.part, 1u);
  EXPECT_EQ(green.share->flows.whole, 4u);
  EXPECT_DOUBLE_EQ(green.share->configured, 0.1);
}

TEST_F(IntervalCountsTest, CountersAreStepsOfEachNode) {
  counts_.add(counters("edge-1", 1000, 5));
  EXPECT_FALSE(take(SubjectKind::kPool, "blue").bytes.has_value()) << "since when, nobody knows";
  counts_.add(counters("edge-1", 1100, 5));
  EXPECT_EQ(take(SubjectKind::kPool, "blue").bytes, 100u);
  v1::ListCountersResponse both = counters("edge-1", 1300, 6);
  *both.add_nodes() = counters("edge-2", 9000, 2).nodes(0);
  counts_.add(both);
  const Observation second = take(SubjectKind::kPool, "blue");
  EXPECT_FALSE(second.bytes.has_value()) << "a node has just joined";
  EXPECT_EQ(second.concurrent_flows, 8u);
  both = counters("edge-1", 1400, 6);
  *both.add_nodes() = counters("edge-2", 9050, 2).nodes(0);
  counts_.add(both);
  EXPECT_EQ(take(SubjectKind::kPool, "blue").bytes, 150u);
}

TEST_F(IntervalCountsTest, CountersThatBeganAnewCountFromNothing) {
  counts_.add(counters("edge-1", 1000, 5));
  take(SubjectKind::kPool, "blue");
  counts_.add(counters("edge-1", 70, 5));
  EXPECT_EQ(take(SubjectKind::kPool, "blue").bytes, 70u);
}

TEST_F(IntervalCountsTest, CountsAreNotKnownWhileANodeIsAwayUnlessThatLasts) {
  counts_.add(counters("edge-1", 1000, 5));
  take(SubjectKind::kPool, "blue");
  v1::ListCountersResponse partial = counters("edge-1", 1000, 5);
  partial.add_unreachable("edge-2");
  for (int minute = 0; minute < 30; ++minute) {
    counts_.add(partial);
    add({record("blue"), ended(v1::END_REASON_RESET, true)});
    const Observation pool = take(SubjectKind::kPool, "blue");
    EXPECT_FALSE(pool.new_flows.has_value());
    EXPECT_FALSE(pool.bytes.has_value());
    EXPECT_FALSE(pool.concurrent_flows.has_value());
    EXPECT_EQ(pool.resets->whole, 1u) << "how flows went is no less true";
  }
  counts_.add(partial);
  EXPECT_EQ(take(SubjectKind::kPool, "blue").new_flows, 0u);
}

TEST_F(IntervalCountsTest, SharesSayNothingWhereClientsKeepTogether) {
  v1::ForwardingTable together = table();
  together.mutable_services(0)->set_affinity(v1::AFFINITY_CLIENT);
  together.mutable_routes(0)->set_service("chat");
  add({record("blue"), record("green")});
  EXPECT_FALSE(of(counts_.take(together, 100), SubjectKind::kPool, "green").share.has_value());

  v1::ForwardingTable rolling = table();
  rolling.mutable_routes(0)->add_rollouts();
  add({record("blue"), record("green")});
  EXPECT_FALSE(of(counts_.take(rolling, 100), SubjectKind::kPool, "green").share.has_value());
}

TEST_F(IntervalCountsTest, AreOfNoMoreSubjectsThanAreWatched) {
  const std::vector<Observation> some = counts_.take(table(), 23);
  ASSERT_THAT(some, SizeIs(3));
  EXPECT_EQ(some[0].subject.kind, SubjectKind::kService) << "backends are the first to be left out";
  EXPECT_EQ(some[2].subject.kind, SubjectKind::kPool);
}

TEST(ClientPrefix, IsWhatManyHaveInCommon) {
  EXPECT_EQ(client_prefix(std::string("\xc6\x33\x64\x07", 4)), "198.51.100.0/24");
  const std::string v6("\x20\x01\x0d\xb8\x00\x0e\x00\x9c\0\0\0\0\0\0\0\x01", 16);
  EXPECT_EQ(client_prefix(v6), "2001:db8::/40");
  EXPECT_EQ(client_prefix(""), "");
}

}  // namespace
}  // namespace sluice::controlplane

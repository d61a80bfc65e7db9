// SPDX-License-Identifier: Apache-2.0
//
// New flows and clients per pool, counted from the records.
#include "controlplane/audit/share_counts.h"

#include <gtest/gtest.h>

#include "controlplane/audit/record_store.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

class ShareCountsTest : public ::testing::Test {
 protected:
  v1::FlowRecord record(const std::string& client, const std::string& pool) {
    v1::FlowRecord record;
    record.set_node("edge-1");
    record.set_incarnation("one");
    record.set_sequence(++sequence_);
    record.set_flow_id(sequence_);
    record.set_part(1);
    record.set_opened(v1::OPENED_SYN);
    record.set_client_address(client);
    record.set_service("chat");
    record.set_client_class("eu");
    record.set_route("chat-eu");
    record.set_pool(pool);
    record.mutable_start_time()->set_seconds(1000);
    return record;
  }
  void insert(const v1::FlowRecord& record) {
    ASSERT_TRUE(store_->insert("edge-1", std::vector<v1::FlowRecord>{record}).ok());
  }
  RouteCounts counts(const std::string& service = "", int64_t since = 0) {
    const auto counts = store_->shares(service, absl::FromUnixSeconds(since));
    EXPECT_TRUE(counts.ok()) << counts.status();
    const auto found = counts->find({"chat", "eu", "chat-eu"});
    return found == counts->end() ? RouteCounts() : found->second;
  }

  testing::TemporaryDirectory directory_;
  std::unique_ptr<RecordStore> store_ = *RecordStore::open(directory_.path("audit"));
  uint64_t sequence_ = 0;
};

TEST_F(ShareCountsTest, CountsFlowsPerPoolAndEachClientWhereItsFirstFlowWent) {
  for (int i = 0; i < 3; ++i)
    insert(record("aaaa", "blue"));
  insert(record("bbbb", "green"));
  insert(record("bbbb", "blue"));

  const RouteCounts found = counts();

  EXPECT_EQ(found.flows, 5u);
  EXPECT_EQ(found.clients, 2u);
  EXPECT_EQ(found.pools.at("blue").flows, 4u);
  EXPECT_EQ(found.pools.at("blue").clients, 1u);
  EXPECT_EQ(found.pools.at("green").flows, 1u);
  EXPECT_EQ(found.pools.at("green").clients, 1u);
  EXPECT_EQ(found.squares, 9 + 4);
}

TEST_F(ShareCountsTest, ClientsOfIpv6AreTheirFirstSixtyFourBits) {
  insert(record("aaaaaaaa00000001", "blue"));
  insert(record("aaaaaaaa00000002", "blue"));
  EXPECT_EQ(counts().clients, 1u);
}

TEST_F(ShareCountsTest, AdoptedFlowsLaterPartsAndEndsAreNoNewFlows) {
  v1::FlowRecord adopted = record("aaaa", "blue");
  adopted.set_opened(v1::OPENED_ADOPTED);
  insert(adopted);
  v1::FlowRecord moved = record("aaaa", "blue");
  moved.set_part(2);
  insert(moved);
  v1::FlowRecord end = record("aaaa", "blue");
  end.set_end_reason(v1::END_REASON_FIN);
  insert(end);
  EXPECT_EQ(counts().flows, 0u);
  v1::FlowRecord datagram = record("aaaa", "blue");
  datagram.set_opened(v1::OPENED_DATAGRAM);
  insert(datagram);
  EXPECT_EQ(counts().flows, 1u);
}

TEST_F(ShareCountsTest, OnlyTheServiceAndTheTimeThatAreAskedFor) {
  insert(record("aaaa", "blue"));
  EXPECT_EQ(counts("chat", 1000).flows, 1u);
  EXPECT_EQ(counts("chat", 1001).flows, 0u);
  EXPECT_EQ(counts("other").flows, 0u);
}

TEST_F(ShareCountsTest, CountsOverSegmentsAndWhatIsNotSealed) {
  insert(record("aaaa", "blue"));
  ASSERT_TRUE(store_->seal().ok());
  v1::FlowRecord later = record("aaaa", "green");
  later.mutable_start_time()->set_seconds(1001);
  insert(later);

  const RouteCounts found = counts();

  EXPECT_EQ(found.flows, 2u);
  EXPECT_EQ(found.clients, 1u);
  EXPECT_EQ(found.pools.at("blue").clients, 1u);
  EXPECT_EQ(found.pools.at("green").clients, 0u);
}

}  // namespace
}  // namespace sluice::controlplane

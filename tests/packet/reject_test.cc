// SPDX-License-Identifier: Apache-2.0
//
// What a client that is not served is told, byte for byte.
#include <gtest/gtest.h>

#include "dataplane/flow/tcp_state.h"
#include "tests/support/packet_policy.h"
#include "tests/support/packet_pool.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

constexpr Mac kClientMac{0x02, 0, 0, 0, 0xc1, 0x01};
constexpr Mac kIngressMac{0x02, 0, 0, 0, 0xed, 0x01};
constexpr const char* kStranger4 = "10.1.2.3";  // no route
constexpr const char* kStranger6 = "2001:db8:77::3";
constexpr const char* kService4 = "203.0.113.10";
constexpr const char* kService6 = "2001:db8:f::10";

class Reject : public testing::Test {
 protected:
  void expect_reply(PacketBuilder in, PacketBuilder out) {
    const auto sent =
        core.send({in.ethernet(kClientMac, kIngressMac).frame()}, policy.snapshot.get());

    const Sent expected{TestCore::kIngress, out.ethernet(kIngressMac, kClientMac).frame()};
    ASSERT_EQ(sent.size(), 1u);
    EXPECT_EQ(sent[0], expected);
    EXPECT_TRUE(core.is_balanced());
    EXPECT_EQ(core.core->counters.forwarded.read(), 0u);
  }

  TestPolicy policy{packet_test_table()};
  TestCore core;
};

PacketBuilder reset(const char* service, const char* client) {
  return PacketBuilder().ipv4(service, client).window(0);
}

TEST_F(Reject, ResetAcknowledgesASynAndItsData) {
  for (const auto& [client, service] :
       {std::pair(kStranger4, kService4), std::pair(kStranger6, kService6)}) {
    expect_reply(PacketBuilder()
                     .ipv4(client, service)
                     .tcp(40000, 80, kTcpSyn)
                     .sequence(5000, 0)
                     .payload_bytes(10),
                 reset(service, client).tcp(80, 40000, kTcpRst | kTcpAck).sequence(0, 5011));
  }
}

TEST_F(Reject, ResetOfASegmentWithAckTakesItsAcknowledgmentAsSequence) {
  expect_reply(
      PacketBuilder().ipv4(kStranger4, kService4).tcp(40000, 80, kTcpAck).sequence(5000, 77777),
      reset(kService4, kStranger4).tcp(80, 40000, kTcpRst).sequence(77777, 0));
}

TEST_F(Reject, ResetCountsAFinAsSequenceSpace) {
  expect_reply(
      PacketBuilder().ipv4(kStranger4, kService4).tcp(40000, 80, kTcpFin).sequence(0xffffffff, 0),
      reset(kService4, kStranger4).tcp(80, 40000, kTcpRst | kTcpAck).sequence(0, 0));
}

TEST_F(Reject, ResetKeepsTheVlanTagAndDropsOptions) {
  expect_reply(
      PacketBuilder().ipv4(kStranger4, kService4).option_words(2).tcp(40000, 80, kTcpSyn).vlan(9),
      reset(kService4, kStranger4).tcp(80, 40000, kTcpRst | kTcpAck).sequence(0, 1001).vlan(9));
}

TEST_F(Reject, PacketsOfSeveralSegmentsAreAnsweredToo) {
  constexpr size_t kFirstSegment = 300;
  const PacketBuilder segment =
      PacketBuilder().ipv4(kStranger4, kService4).tcp(40000, 80, kTcpAck).sequence(1, 77);
  const PacketBuilder datagram = PacketBuilder().ipv6(kStranger6, kService6).udp(40000, 443);
  std::vector<rte_mbuf*> chains;
  for (const PacketBuilder& packet : {segment, datagram}) {
    chains.push_back(PacketPool::instance().make_chain(
        PacketBuilder(packet).payload_bytes(700).frame(), kFirstSegment, TestCore::kIngress));
  }

  const std::vector<Sent> sent = core.send_mbufs(chains, policy.snapshot.get());

  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].frame, reset(kService4, kStranger4)
                               .ethernet(kIngressMac, kClientMac)
                               .tcp(80, 40000, kTcpRst)
                               .sequence(77, 0)
                               .frame());
  EXPECT_EQ(sent[1].frame.size(), kFirstSegment + 40 + 8);
  EXPECT_TRUE(core.is_balanced());
  EXPECT_EQ(PacketPool::instance().in_use(), 0u);
}

TEST_F(Reject, DatagramsAreProhibitedByIcmp) {
  const PacketBuilder in4 =
      PacketBuilder().ipv4(kStranger4, kService4).udp(5000, 443).payload_bytes(50);
  const PacketBuilder in6 =
      PacketBuilder().ipv6(kStranger6, kService6).udp(5000, 443).payload_bytes(50);

  expect_reply(in4,
               PacketBuilder().ipv4(kService4, kStranger4).icmp_error(3, 13).payload(in4.packet()));
  expect_reply(in6,
               PacketBuilder().ipv6(kService6, kStranger6).icmp_error(1, 1).payload(in6.packet()));
}

TEST_F(Reject, ProhibitMeansIcmpForTcpToo) {
  const PacketBuilder in4 = PacketBuilder().ipv4(kStranger4, kService4).tcp(40000, 81, kTcpSyn);
  const PacketBuilder in6 = PacketBuilder().ipv6(kStranger6, kService6).tcp(40000, 81, kTcpSyn);

  expect_reply(in4,
               PacketBuilder().ipv4(kService4, kStranger4).icmp_error(3, 13).payload(in4.packet()));
  expect_reply(in6,
               PacketBuilder().ipv6(kService6, kStranger6).icmp_error(1, 1).payload(in6.packet()));
}

TEST_F(Reject, IcmpQuotesNoMoreThanTheSmallestPathTakes) {
  const PacketBuilder in4 =
      PacketBuilder().ipv4(kStranger4, kService4).udp(5000, 443).payload_bytes(1400);
  const PacketBuilder in6 =
      PacketBuilder().ipv6(kStranger6, kService6).udp(5000, 443).payload_bytes(1400);
  Bytes quoted4 = in4.packet();
  Bytes quoted6 = in6.packet();
  quoted4.resize(576 - 28);
  quoted6.resize(1280 - 48);

  expect_reply(in4, PacketBuilder().ipv4(kService4, kStranger4).icmp_error(3, 13).payload(quoted4));
  expect_reply(in6, PacketBuilder().ipv6(kService6, kStranger6).icmp_error(1, 1).payload(quoted6));
}

TEST_F(Reject, ClientWhosePoolsAllFailedIsToldToo) {
  policy.condition("empty", "empty-a").state = BackendState::kDown;
  policy.republish();

  expect_reply(PacketBuilder().ipv4("198.18.4.7", kService4).tcp(40000, 80, kTcpSyn),
               reset(kService4, "198.18.4.7").tcp(80, 40000, kTcpRst | kTcpAck).sequence(0, 1001));
}

TEST_F(Reject, ResetIsNeverAnswered) {
  for (const uint16_t port : {uint16_t{80}, uint16_t{81}}) {
    const auto frame =
        PacketBuilder().ipv4(kStranger4, kService4).tcp(40000, port, kTcpRst | kTcpAck).frame();
    EXPECT_TRUE(core.send({frame}, policy.snapshot.get()).empty());
  }

  EXPECT_EQ(core.dropped(DropReason::kNoRoute), 2u);
  EXPECT_EQ(core.core->counters.replied.read(), 0u);
}

TEST_F(Reject, RepliesAreLimitedAndTheLimitRefills) {
  const auto frame = PacketBuilder().ipv4(kStranger4, kService4).tcp(40000, 80, kTcpSyn).frame();
  const std::vector<Bytes> burst(kBurstMax, frame);

  for (uint64_t sent = 0; sent < 2 * kRepliesPerSecond; sent += kBurstMax)
    core.send(burst, policy.snapshot.get());

  EXPECT_EQ(core.core->counters.replied.read(), kRepliesPerSecond);
  EXPECT_GE(core.dropped(DropReason::kRejectLimited), kRepliesPerSecond);
  EXPECT_TRUE(core.is_balanced());

  core.pass(10'000'000);
  core.send(burst, policy.snapshot.get());

  EXPECT_EQ(core.core->counters.replied.read(), kRepliesPerSecond + 10);
}

TEST_F(Reject, ReplyThatThePortDoesNotTakeIsADrop) {
  core.port_accepts = 0;

  core.send({PacketBuilder().ipv4(kStranger4, kService4).tcp(40000, 80, kTcpSyn).frame()},
            policy.snapshot.get());

  EXPECT_EQ(core.core->counters.replied.read(), 0u);
  EXPECT_EQ(core.dropped(DropReason::kTxFull), 1u);
  EXPECT_TRUE(core.is_balanced());
}

}  // namespace
}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Every way for a packet to be dropped, each with its reason.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/pipeline/drop_reason.h"
#include "tests/support/packet_policy.h"
#include "tests/support/packet_pool.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

PacketBuilder to_v4(const char* source = "198.51.100.7") {
  return PacketBuilder().ipv4(source, "203.0.113.10").tcp(40000, 80, kTcpSyn);
}
PacketBuilder to_v6(const char* source = "2001:db8:1::7") {
  return PacketBuilder().ipv6(source, "2001:db8:f::10").tcp(40000, 80, kTcpSyn);
}

// The frame with some bytes of it overwritten.
Bytes patched(const PacketBuilder& packet, size_t at, const Bytes& bytes) {
  Bytes frame = packet.frame();
  std::copy(bytes.begin(), bytes.end(), frame.begin() + static_cast<std::ptrdiff_t>(at));
  return frame;
}

// The same with the IPv4 header checksum made right again.
Bytes patched_v4(const PacketBuilder& packet, size_t at, const Bytes& bytes) {
  constexpr size_t kIp = 14, kChecksum = 24;
  Bytes frame = patched(packet, at, bytes);
  frame[kChecksum] = frame[kChecksum + 1] = 0;
  uint32_t sum = 0;
  for (size_t i = kIp; i < kIp + 20; i += 2)
    sum += frame[i] * 256u + frame[i + 1];
  while (sum > 0xffff)
    sum = (sum >> 16) + (sum & 0xffff);
  frame[kChecksum] = static_cast<uint8_t>(~sum >> 8);
  frame[kChecksum + 1] = static_cast<uint8_t>(~sum);
  return frame;
}

struct Row {
  const char* name;
  DropReason reason;
  Bytes frame;
};

class Drop : public testing::Test {
 protected:
  void expect(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      const uint64_t before = core.dropped(row.reason);
      const uint64_t others_before = core.dropped_total() - before;
      EXPECT_TRUE(core.send({row.frame}, policy.snapshot.get()).empty()) << row.name;
      EXPECT_EQ(core.dropped(row.reason), before + 1) << row.name;
      EXPECT_EQ(core.dropped_total() - core.dropped(row.reason), others_before) << row.name;
      EXPECT_TRUE(core.is_balanced()) << row.name;
    }
    EXPECT_EQ(PacketPool::instance().in_use(), 0u);
  }

  TestPolicy policy{packet_test_table()};
  TestCore core;
};

TEST_F(Drop, MalformedIpv4) {
  constexpr size_t kVersion = 14, kTotalLength = 16;
  expect({
      {"version 5", DropReason::kMalformed, patched_v4(to_v4(), kVersion, {0x55})},
      {"header of 16 bytes", DropReason::kMalformed, patched_v4(to_v4(), kVersion, {0x44})},
      {"header longer than the packet", DropReason::kMalformed,
       patched_v4(to_v4(), kTotalLength, {0, 19})},
      {"total length beyond the frame", DropReason::kTruncated,
       patched_v4(to_v4(), kTotalLength, {0, 41})},
      {"no room for TCP", DropReason::kTruncated, patched_v4(to_v4(), kTotalLength, {0, 39})},
      {"checksum", DropReason::kBadChecksum, patched(to_v4(), 24, {0, 0})},
  });
}

TEST_F(Drop, MalformedIpv6) {
  constexpr size_t kVersion = 14, kPayloadLength = 18;
  const Bytes options = {0, 1, 4, 0, 0, 0, 0};
  PacketBuilder many = to_v6();
  for (int i = 0; i < 9; ++i)
    many.extension(60, options);
  expect({
      {"version 4", DropReason::kMalformed, patched(to_v6(), kVersion, {0x40})},
      {"payload beyond the frame", DropReason::kTruncated,
       patched(to_v6(), kPayloadLength, {0, 21})},
      {"no room for TCP", DropReason::kTruncated, patched(to_v6(), kPayloadLength, {0, 19})},
      {"hop-by-hop is not first", DropReason::kMalformed,
       to_v6().extension(60, options).extension(0, options).frame()},
      {"nine extensions", DropReason::kMalformed, many.frame()},
      {"extension beyond the packet", DropReason::kTruncated,
       to_v6().extension(60, {9, 1, 4, 0, 0, 0, 0}).frame()},
      {"routing on its way", DropReason::kUnsupported,
       to_v6().extension(43, {0, 0, 1, 0, 0, 0, 0}).frame()},
  });
}

TEST_F(Drop, MalformedTcpAndUdp) {
  constexpr size_t kDataOffset = 14 + 20 + 12, kUdpLength = 14 + 20 + 4;
  const PacketBuilder udp =
      PacketBuilder().ipv4("198.51.100.7", "203.0.113.10").udp(5000, 443).payload_bytes(4);
  expect({
      {"TCP header of 16 bytes", DropReason::kMalformed, patched(to_v4(), kDataOffset, {0x40})},
      {"TCP options beyond the packet", DropReason::kTruncated,
       patched(to_v4(), kDataOffset, {0x60})},
      {"no flags", DropReason::kMalformed, to_v4().tcp(40000, 80, 0).frame()},
      {"SYN and FIN", DropReason::kMalformed, to_v4().tcp(40000, 80, kTcpSyn | kTcpFin).frame()},
      {"SYN and RST", DropReason::kMalformed, to_v4().tcp(40000, 80, kTcpSyn | kTcpRst).frame()},
      {"TCP source port 0", DropReason::kMalformed, to_v4().tcp(0, 80, kTcpSyn).frame()},
      {"TCP port 0 of a service of any port", DropReason::kMalformed,
       PacketBuilder().ipv4("198.51.100.7", "203.0.113.20").tcp(40000, 0, kTcpSyn).frame()},
      {"UDP length below its header", DropReason::kMalformed, patched(udp, kUdpLength, {0, 7})},
      {"UDP length beyond the packet", DropReason::kTruncated, patched(udp, kUdpLength, {0, 13})},
      {"UDP port 0", DropReason::kMalformed,
       PacketBuilder().ipv4("198.51.100.7", "203.0.113.10").udp(5000, 0).frame()},
  });
}

TEST_F(Drop, FragmentsAndProtocolsThatServicesCannotTake) {
  constexpr uint8_t kIcmp = 1, kIcmpv6 = 58, kEsp = 50;
  expect({
      {"first fragment", DropReason::kFragment, to_v4().fragment(0x2000).frame()},
      {"later fragment", DropReason::kFragment, to_v4().fragment(0x0010).frame()},
      {"IPv6 first fragment", DropReason::kFragment,
       to_v6().extension(44, {0, 0, 1, 0, 0, 0, 9}).frame()},
      {"IPv6 later fragment", DropReason::kFragment,
       to_v6().extension(44, {0, 0, 8, 0, 0, 0, 9}).frame()},
      {"fragment to nobody", DropReason::kNotForService,
       PacketBuilder()
           .ipv4("198.51.100.7", "203.0.113.99")
           .tcp(1, 80, kTcpSyn)
           .fragment(0x2000)
           .frame()},
      {"ICMP", DropReason::kUnsupported,
       PacketBuilder()
           .ipv4("198.51.100.7", "203.0.113.10")
           .protocol(kIcmp)
           .payload_bytes(8)
           .frame()},
      {"ICMPv6", DropReason::kUnsupported,
       PacketBuilder()
           .ipv6("2001:db8:1::7", "2001:db8:f::10")
           .protocol(kIcmpv6)
           .payload_bytes(8)
           .frame()},
      {"ESP", DropReason::kUnsupported,
       PacketBuilder()
           .ipv6("2001:db8:1::7", "2001:db8:f::10")
           .protocol(kEsp)
           .payload_bytes(8)
           .frame()},
      {"ICMP to nobody", DropReason::kNotForService,
       PacketBuilder()
           .ipv4("198.51.100.7", "203.0.113.99")
           .protocol(kIcmp)
           .payload_bytes(8)
           .frame()},
  });
}

TEST_F(Drop, AddressesThatNoClientHas) {
  for (const char* source : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "224.0.0.1", "239.255.255.255",
                             "240.0.0.1", "255.255.255.255", "203.0.113.10"}) {
    expect({{source, DropReason::kBadAddress, to_v4(source).frame()}});
  }
  for (const char* source : {"::", "::1", "ff02::1", "fe80::1", "2001:db8:f::10"}) {
    expect({{source, DropReason::kBadAddress, to_v6(source).frame()}});
  }
  constexpr Mac kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  expect({{"sent to everybody", DropReason::kBadAddress,
           to_v4().ethernet(TestPolicy::kNodeMac, kBroadcast).frame()},
          {"sent by a group", DropReason::kBadAddress,
           to_v4().ethernet(kBroadcast, TestPolicy::kNodeMac).frame()}});
}

TEST_F(Drop, OwnTunnelThatComesBack) {
  steering_of(policy.message, "chat", "unknown").set_route("chat-four");
  steering_of(policy.message, "chat", "unknown").add_eligible_pools("four");
  steering_of(policy.message, "chat", "unknown").add_eligible_pools("spare");
  policy.push();

  expect({{"loop", DropReason::kBadAddress, to_v4("10.77.1.2").frame()}});
}

TEST_F(Drop, TimeToLive) {
  expect({
      {"0", DropReason::kTtlExpired, to_v4().ttl(0).frame()},
      {"1", DropReason::kTtlExpired, to_v4().ttl(1).frame()},
      {"IPv6 1", DropReason::kTtlExpired, to_v6().ttl(1).frame()},
      {"1, but not for a service", DropReason::kNotForService,
       PacketBuilder().ipv4("198.51.100.7", "203.0.113.99").tcp(1, 179, kTcpSyn).ttl(1).frame()},
  });
}

// A known flow's packets leave before classification, but not these.
TEST_F(Drop, WhatAKnownFlowMayNotSendEither) {
  constexpr Mac kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  const auto ack = [] {
    return PacketBuilder().ipv4("198.51.100.7", "203.0.113.10").tcp(40000, 80, kTcpAck);
  };
  ASSERT_EQ(core.send({to_v4().frame(), ack().frame()}, policy.snapshot.get()).size(), 2u);

  expect({{"TTL 1", DropReason::kTtlExpired, ack().ttl(1).frame()},
          {"TTL 1 with a tag", DropReason::kTtlExpired, ack().ttl(1).vlan(7).frame()},
          {"sent to everybody", DropReason::kBadAddress,
           ack().ethernet(TestPolicy::kNodeMac, kBroadcast).frame()},
          {"sent to everybody with a tag", DropReason::kBadAddress,
           ack().ethernet(TestPolicy::kNodeMac, kBroadcast).vlan(7).frame()}});
  EXPECT_EQ(core.send({ack().frame()}, policy.snapshot.get()).size(), 1u) << "it goes on";
}

TEST_F(Drop, WhatIsNotForAService) {
  constexpr uint16_t kArp = 0x0806, kServiceTag = 0x88a8;
  expect({
      {"ARP", DropReason::kNotForService, to_v4().ether_type(kArp).frame()},
      {"two tags", DropReason::kNotForService, to_v4().vlan(5).ether_type(0x8100).frame()},
      {"service tag", DropReason::kNotForService, to_v4().ether_type(kServiceTag).frame()},
      {"another address", DropReason::kNotForService,
       PacketBuilder().ipv4("198.51.100.7", "203.0.113.99").tcp(40000, 80, kTcpSyn).frame()},
      {"another port", DropReason::kNotForService, to_v4().tcp(40000, 8080, kTcpSyn).frame()},
      {"another protocol", DropReason::kNotForService,
       PacketBuilder().ipv4("198.51.100.7", "203.0.113.10").udp(40000, 80).frame()},
  });
}

TEST_F(Drop, ClientsWithoutRouteOrPoolWhereTheServiceSaysNothing) {
  policy.condition("empty", "empty-a").state = BackendState::kDown;
  policy.republish();

  expect({
      {"no route", DropReason::kNoRoute, to_v4("10.1.2.3").tcp(40000, 82, kTcpSyn).frame()},
      {"no pool", DropReason::kNoPool, to_v4("198.18.4.7").tcp(40000, 82, kTcpSyn).frame()},
  });
}

TEST_F(Drop, BackendThatCannotBeReached) {
  for (const char* backend : {"four-a", "four-b", "four-c"})
    policy.condition("four", backend).next_hop.resolved = false;
  policy.republish();

  expect({{"no MAC", DropReason::kNoNeighbor, to_v4().frame()}});

  for (const char* backend : {"four-a", "four-b", "four-c"}) {
    policy.condition("four", backend).next_hop.resolved = true;
    policy.condition("four", backend).next_hop.port = 9;
  }
  policy.republish();

  expect({{"a port that nobody serves", DropReason::kNoNeighbor, to_v4().frame()}});
}

TEST_F(Drop, TooBigInAnyForm) {
  expect({
      {"tunnel", DropReason::kTooBig, to_v4().payload_bytes(1441).frame()},
      {"tunnel of IPv6", DropReason::kTooBig, to_v6("2001:db8:2::7").payload_bytes(1401).frame()},
      {"layer 2", DropReason::kTooBig, to_v4("198.18.3.7").payload_bytes(1461).frame()},
  });
}

TEST_F(Drop, EverythingWhileThereIsNoTable) {
  EXPECT_TRUE(core.send({to_v4().frame(), to_v6().frame()}, nullptr).empty());

  EXPECT_EQ(core.dropped(DropReason::kNoTable), 2u);
  EXPECT_TRUE(core.is_balanced());
}

TEST_F(Drop, WhatThePortDoesNotTake) {
  core.port_accepts = 1;

  const auto sent =
      core.send({to_v4().frame(), to_v4().tcp(40001, 80, kTcpSyn).frame()}, policy.snapshot.get());

  EXPECT_EQ(sent.size(), 1u);
  EXPECT_EQ(core.dropped(DropReason::kTxFull), 1u);
  EXPECT_EQ(core.core->counters.forwarded.read(), 1u);
  EXPECT_TRUE(core.is_balanced());
}

TEST_F(Drop, NoHeadroomForTheTunnel) {
  rte_mbuf* const mbuf = PacketPool::instance().make(to_v4().frame(), TestCore::kIngress);
  Bytes frame = to_v4().frame();
  mbuf->data_off = 19;
  std::copy(frame.begin(), frame.end(), rte_pktmbuf_mtod(mbuf, uint8_t*));

  EXPECT_TRUE(core.send_mbufs({mbuf}, policy.snapshot.get()).empty());

  EXPECT_EQ(core.dropped(DropReason::kNoBuffer), 1u);
}

// No frame cut off in its middle is forwarded or read beyond its end, whatever its kind.
TEST_F(Drop, FramesCutOffAnywhere) {
  const Bytes options = {0, 1, 4, 0, 0, 0, 0};
  const PacketBuilder whole[] = {
      to_v4().payload_bytes(5),
      to_v4().option_words(3).vlan(5),
      to_v6().payload_bytes(5),
      to_v6().extension(0, options).extension(60, options),
      PacketBuilder().ipv4("198.51.100.7", "203.0.113.10").udp(5000, 443).payload_bytes(9),
      PacketBuilder().ipv6("2001:db8:1::7", "2001:db8:f::10").udp(5000, 443).payload_bytes(9),
  };
  for (const PacketBuilder& packet : whole) {
    const Bytes frame = packet.frame();
    ASSERT_EQ(core.send({frame}, policy.snapshot.get()).size(), 1u);
    for (size_t size = 0; size < frame.size(); ++size) {
      const Bytes cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
      expect({{"cut", DropReason::kTruncated, cut}});
    }
  }
}

TEST(DropReason, EachHasANameOfItsOwn) {
  std::set<std::string_view> names;
  for (size_t i = 0; i < kDropReasonCount; ++i)
    names.insert(drop_reason_name(static_cast<DropReason>(i)));

  EXPECT_EQ(names.size(), kDropReasonCount);
  EXPECT_FALSE(names.contains("unknown"));
}

}  // namespace
}  // namespace sluice::dataplane

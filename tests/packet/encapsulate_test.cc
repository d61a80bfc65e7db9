// SPDX-License-Identifier: Apache-2.0
//
// What leaves for the backends, byte for byte.
#include <gtest/gtest.h>

#include "dataplane/flow/tcp_state.h"
#include "tests/support/packet_policy.h"
#include "tests/support/packet_pool.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

constexpr uint8_t kIpInIp = 4;
constexpr uint8_t kIpv6InIp = 41;

struct Row {
  const char* name;
  PacketBuilder in;
  PacketBuilder out;  // without MAC addresses, which are always the same
};

PacketBuilder client(const char* source) {
  const bool is_v4 = IpAddress::parse(source)->is_ipv4();
  return PacketBuilder()
      .ipv4(source, is_v4 ? "203.0.113.10" : "2001:db8:f::10")
      .tcp(40000, 80, kTcpSyn);
}

PacketBuilder tunnel(const char* source, const char* backend, const PacketBuilder& inner) {
  const bool inner_v4 = inner.packet()[0] >> 4 == 4;
  return PacketBuilder()
      .ipv4(source, backend)
      .protocol(inner_v4 ? kIpInIp : kIpv6InIp)
      .payload(inner.packet());
}

// Every pool of the table has one backend up, so that the outcome does not depend on hashes.
class Encapsulate : public testing::Test {
 protected:
  Encapsulate() {
    policy.condition("four", "four-b").state = BackendState::kDown;
    policy.condition("four", "four-c").state = BackendState::kDown;
    policy.republish();
  }

  void expect(const Row& row) {
    const std::vector<Sent> sent = core.send({row.in.frame()}, policy.snapshot.get());

    PacketBuilder out = row.out;
    const Sent expected{TestPolicy::kUplink,
                        out.ethernet(TestPolicy::kNodeMac, TestPolicy::kNextHopMac).frame()};
    ASSERT_EQ(sent.size(), 1u) << row.name;
    EXPECT_EQ(sent[0], expected) << row.name;
    EXPECT_TRUE(core.is_balanced()) << row.name;
  }

  TestPolicy policy{packet_test_table()};
  TestCore core;
};

TEST_F(Encapsulate, CarriesEachFamilyInEachFamily) {
  for (const Row& row : std::vector<Row>{
           {"4 in 4", client("198.51.100.7"),
            tunnel("10.77.1.2", "10.77.1.11", client("198.51.100.7"))},
           {"6 in 4", client("2001:db8:1::7"),
            tunnel("10.77.1.2", "10.77.1.11", client("2001:db8:1::7"))},
           {"4 in 6", client("192.0.2.7"), tunnel("fd77:1::2", "fd77:1::21", client("192.0.2.7"))},
           {"6 in 6", client("2001:db8:2::7"),
            tunnel("fd77:1::2", "fd77:1::21", client("2001:db8:2::7"))},
       }) {
    expect(row);
  }
}

TEST_F(Encapsulate, DirectServerReturnOnLayer2ChangesMacAddressesOnly) {
  expect({"4", client("198.18.3.7"), client("198.18.3.7")});
  expect({"6", client("2001:db8:3::7"), client("2001:db8:3::7")});
}

TEST_F(Encapsulate, CopiesDscpAndEcnToTheOuterHeader) {
  constexpr uint8_t kExpeditedForwardingCongested = 0xbb;
  for (const char* source : {"198.51.100.7", "192.0.2.7", "2001:db8:1::7", "2001:db8:2::7"}) {
    const PacketBuilder inner = client(source).tos(kExpeditedForwardingCongested);
    const bool to_four =
        std::string_view(source).find(":1:") != std::string_view::npos || source[2] == '8';
    PacketBuilder outer = to_four ? tunnel("10.77.1.2", "10.77.1.11", inner)
                                  : tunnel("fd77:1::2", "fd77:1::21", inner);
    expect({source, inner, outer.tos(kExpeditedForwardingCongested)});
  }
}

TEST_F(Encapsulate, KeepsTheVlanTag) {
  PacketBuilder outer = tunnel("10.77.1.2", "10.77.1.11", client("198.51.100.7"));
  expect({"tunnel", client("198.51.100.7").vlan(0x6123), outer.vlan(0x6123)});
  expect({"layer 2", client("198.18.3.7").vlan(7), client("198.18.3.7").vlan(7)});
}

TEST_F(Encapsulate, KeepsTheTagOfAServiceVlanToo) {
  constexpr size_t kTagType = 12;
  const PacketBuilder inner = client("198.51.100.7").vlan(9);
  Bytes frame = inner.frame();
  Bytes expected = tunnel("10.77.1.2", "10.77.1.11", client("198.51.100.7"))
                       .vlan(9)
                       .ethernet(TestPolicy::kNodeMac, TestPolicy::kNextHopMac)
                       .frame();
  for (Bytes* const tagged : {&frame, &expected}) {
    (*tagged)[kTagType] = 0x88;
    (*tagged)[kTagType + 1] = 0xa8;
  }

  const std::vector<Sent> sent = core.send({frame}, policy.snapshot.get());

  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].frame, expected);
}

TEST_F(Encapsulate, TakesIpv4OptionsAlong) {
  for (uint8_t words = 1; words <= 10; ++words) {
    const PacketBuilder inner = client("198.51.100.7").option_words(words);
    expect({"options", inner, tunnel("10.77.1.2", "10.77.1.11", inner)});
  }
}

TEST_F(Encapsulate, TakesIpv6ExtensionHeadersAlong) {
  const Bytes options = {0, 1, 4, 0, 0, 0, 0};
  const Bytes long_options = {1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};
  const Bytes finished_routing = {0, 4, 0, 0, 0, 0, 0};
  const Bytes atomic_fragment = {0, 0, 0, 0, 0, 0, 9};
  const PacketBuilder rows[] = {
      client("2001:db8:1::7").extension(0, options),
      client("2001:db8:1::7").extension(60, long_options),
      client("2001:db8:1::7").extension(43, finished_routing),
      client("2001:db8:1::7").extension(44, atomic_fragment),
      client("2001:db8:1::7")
          .extension(0, options)
          .extension(60, options)
          .extension(43, finished_routing),
  };
  for (const PacketBuilder& inner : rows) {
    expect({"extensions", inner, tunnel("10.77.1.2", "10.77.1.11", inner)});
  }
}

TEST_F(Encapsulate, ForwardsDatagramsWithAndWithoutChecksum) {
  PacketBuilder with =
      PacketBuilder().ipv4("198.51.100.7", "203.0.113.10").udp(5000, 443).payload_bytes(33);
  PacketBuilder without =
      PacketBuilder().ipv4("198.51.100.7", "203.0.113.10").udp(0, 443).no_checksum();
  expect({"with", with, tunnel("10.77.1.2", "10.77.1.11", with)});
  expect({"without", without, tunnel("10.77.1.2", "10.77.1.11", without)});
}

TEST_F(Encapsulate, ServiceOfAnyPortTakesEveryPort) {
  for (const uint16_t port : std::initializer_list<uint16_t>{1, 80, 443, 65535}) {
    const PacketBuilder inner =
        PacketBuilder().ipv4("198.51.100.7", "203.0.113.20").tcp(40000, port, kTcpSyn);
    expect({"any port", inner, tunnel("10.77.1.2", "10.77.1.11", inner)});
  }
}

TEST_F(Encapsulate, LeavesTheLinksPaddingBehind) {
  const PacketBuilder inner = client("198.51.100.7");
  Bytes padded = inner.frame();
  padded.resize(padded.size() + 6, 0xee);

  const std::vector<Sent> sent = core.send({padded}, policy.snapshot.get());

  ASSERT_EQ(sent.size(), 1u);
  const Bytes expected = tunnel("10.77.1.2", "10.77.1.11", inner)
                             .ethernet(TestPolicy::kNodeMac, TestPolicy::kNextHopMac)
                             .frame();
  EXPECT_EQ(sent[0].frame, expected);
}

TEST_F(Encapsulate, FillsTheMtuExactly) {
  constexpr size_t kMtu = 1500;
  constexpr size_t kInnerHeaders = 40;
  const PacketBuilder fits = client("198.51.100.7").payload_bytes(kMtu - 20 - kInnerHeaders);
  expect({"1500 bytes", fits, tunnel("10.77.1.2", "10.77.1.11", fits)});

  const PacketBuilder too_big = client("198.51.100.7").payload_bytes(kMtu - 20 - kInnerHeaders + 1);
  EXPECT_TRUE(core.send({too_big.frame()}, policy.snapshot.get()).empty());
  EXPECT_EQ(core.dropped(DropReason::kTooBig), 1u);
}

TEST_F(Encapsulate, ReadsHeadersAcrossSegments) {
  const PacketBuilder inner = client("198.51.100.7").payload_bytes(100);
  const Bytes frame = inner.frame();
  const Bytes expected = tunnel("10.77.1.2", "10.77.1.11", inner)
                             .ethernet(TestPolicy::kNodeMac, TestPolicy::kNextHopMac)
                             .frame();

  // The first segment has no room for the rest, so that only what holds all headers can be
  // forwarded.
  rte_mbuf* const whole_headers = PacketPool::instance().make_chain(
      client("198.51.100.7").payload_bytes(600).frame(), 300, TestCore::kIngress);
  rte_mbuf* const split_headers = PacketPool::instance().make_chain(frame, 30, TestCore::kIngress);
  const std::vector<Sent> sent =
      core.send_mbufs({whole_headers, split_headers}, policy.snapshot.get());

  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].frame.size(), expected.size() + 500);
  EXPECT_EQ(core.dropped(DropReason::kNoBuffer), 1u);
}

TEST_F(Encapsulate, SendsWholeBurstsOfBothFamilies) {
  std::vector<Bytes> frames;
  for (uint16_t i = 0; i < kBurstMax; ++i) {
    PacketBuilder packet = client(i % 2 == 0 ? "198.51.100.7" : "2001:db8:2::7");
    frames.push_back(packet.tcp(static_cast<uint16_t>(1000 + i), 80, kTcpSyn).frame());
  }

  EXPECT_EQ(core.send(frames, policy.snapshot.get()).size(), size_t{kBurstMax});
  EXPECT_EQ(core.core->counters.forwarded.read(), kBurstMax);
  EXPECT_EQ(PacketPool::instance().in_use(), 0u);
}

}  // namespace
}  // namespace sluice::dataplane

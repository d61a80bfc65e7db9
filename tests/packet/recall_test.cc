// SPDX-License-Identifier: Apache-2.0
//
// What becomes of flows whose backend is recalled: on the wire, in the flow table, in the records.
#include <gtest/gtest.h>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/pipeline/sweep_recalled.h"
#include "tests/support/packet_policy.h"
#include "tests/support/packet_pool.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr uint64_t kMillisecondNs = 1'000'000;
constexpr Mac kClientMac{0x02, 0, 0, 0, 0xc1, 0x01};
constexpr Mac kIngressMac{0x02, 0, 0, 0, 0xed, 0x01};
constexpr const char* kClient = "198.51.100.7";  // of pool `four`
constexpr const char* kService = "203.0.113.10";
constexpr const char* kClient6 = "2001:db8:1::7";
constexpr const char* kService6 = "2001:db8:f::10";
constexpr const char* kFour[] = {"four-a", "four-b", "four-c"};

PacketBuilder tcp(uint16_t port, uint8_t flags) {
  return PacketBuilder().ipv4(kClient, kService).tcp(port, 80, flags).sequence(100, 200);
}
PacketBuilder tcp6(uint16_t port, uint8_t flags) {
  return PacketBuilder().ipv6(kClient6, kService6).tcp(port, 80, flags).sequence(100, 200);
}
PacketBuilder udp(uint16_t port) {
  return PacketBuilder().ipv4(kClient, kService).udp(port, 443).payload_bytes(20);
}
PacketBuilder to_client(PacketBuilder reset) {
  return reset.ethernet(kIngressMac, kClientMac).window(0);
}

class Recall : public testing::Test {
 protected:
  std::vector<Sent> send(const PacketBuilder& packet, const Snapshot* snapshot = nullptr) {
    auto sent = core.send({packet.frame()}, snapshot == nullptr ? policy.snapshot.get() : snapshot);
    EXPECT_TRUE(core.is_balanced());
    EXPECT_EQ(PacketPool::instance().in_use(), 0u);
    return sent;
  }
  void set_states(BackendState state) {
    for (const char* backend : kFour)
      policy.condition("four", backend).state = state;
    if (state == BackendState::kRecalled) ++policy.recall;
    policy.republish();
  }
  // Where the flow of one packet went: its backend's address.
  static std::string backend_of(const Sent& sent) {
    constexpr size_t kOuterDestination = 14 + 16;
    return IpAddress::from_bytes(std::span(sent.frame).subspan(kOuterDestination, 4))->to_string();
  }
  static Bytes inner_of(const Sent& sent) {
    constexpr size_t kOuterBytes = 14 + 20;
    return {sent.frame.begin() + kOuterBytes, sent.frame.end()};
  }
  void pass(uint64_t time_ns) { core.pass(time_ns, kMillisecondNs, policy.snapshot.get()); }
  LcoreCounters& counters() { return core.core->counters; }

  TestPolicy policy{packet_test_table()};
  TestCore core;
};

TEST_F(Recall, ResetsTheClientAndTheOldBackendWithThePacketsOwnNumbers) {
  const std::string backend = backend_of(send(tcp(1000, kTcpSyn))[0]);
  send(tcp(1000, kTcpAck));
  set_states(BackendState::kRecalled);

  const auto sent = send(tcp(1000, kTcpAck).sequence(5000, 7000).payload_bytes(30));

  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].port, TestCore::kIngress);
  EXPECT_EQ(
      sent[0].frame,
      to_client(PacketBuilder().ipv4(kService, kClient).tcp(80, 1000, kTcpRst).sequence(7000, 0))
          .frame());
  EXPECT_EQ(sent[1].port, TestPolicy::kUplink);
  EXPECT_EQ(backend_of(sent[1]), backend);
  EXPECT_EQ(inner_of(sent[1]), PacketBuilder()
                                   .ipv4(kClient, kService)
                                   .tcp(1000, 80, kTcpRst | kTcpAck)
                                   .sequence(5000, 7000)
                                   .window(0)
                                   .packet());
  EXPECT_EQ(counters().replied.read(), 1u);
  EXPECT_EQ(counters().forwarded.read(), 2u) << "the reset to the backend is no packet of a client";
  EXPECT_EQ(core.events.back().end_reason, EndReason::kRecalled);
  EXPECT_EQ(core.events.back().counts.packets, 2u);
  EXPECT_EQ(core.core->target(core.events.back().target).flows_recalled.read(), 1u);
}

TEST_F(Recall, ResetsBothSidesOfIpv6InItsOwnTunnel) {
  send(tcp6(1000, kTcpSyn));
  set_states(BackendState::kRecalled);

  const auto sent = send(tcp6(1000, kTcpAck).vlan(9));

  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(
      sent[0].frame,
      to_client(PacketBuilder().ipv6(kService6, kClient6).tcp(80, 1000, kTcpRst).sequence(200, 0))
          .vlan(9)
          .frame());
  const Bytes inner(sent[1].frame.begin() + 18 + 20, sent[1].frame.end());
  EXPECT_EQ(inner, PacketBuilder()
                       .ipv6(kClient6, kService6)
                       .tcp(1000, 80, kTcpRst | kTcpAck)
                       .sequence(100, 200)
                       .window(0)
                       .packet());
}

TEST_F(Recall, ResetAfterASynFollowsItsSequenceNumber) {
  send(tcp(1000, kTcpSyn));
  set_states(BackendState::kRecalled);

  const auto sent = send(tcp(1000, kTcpSyn).sequence(100, 0));

  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(inner_of(sent[1]), PacketBuilder()
                                   .ipv4(kClient, kService)
                                   .tcp(1000, 80, kTcpRst)
                                   .sequence(101, 0)
                                   .window(0)
                                   .packet());
}

TEST_F(Recall, ProhibitsDatagramsByIcmpAndSteersTheNextAnew) {
  send(udp(1000));
  set_states(BackendState::kRecalled);

  const auto sent = send(udp(1000));

  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].frame, PacketBuilder()
                               .ethernet(kIngressMac, kClientMac)
                               .ipv4(kService, kClient)
                               .icmp_error(3, 13)
                               .payload(udp(1000).packet())
                               .frame());
  EXPECT_EQ(core.events.back().end_reason, EndReason::kRecalled);
  send(udp(1000));
  EXPECT_EQ(policy.name(TargetId{core.events.back().target}), "spare/spare-a");
  EXPECT_NE(core.events.back().flow_id, core.events.front().flow_id);
}

TEST_F(Recall, CutTcpIsResetAgainAndNeverAdopted) {
  send(tcp(1000, kTcpSyn));
  set_states(BackendState::kRecalled);
  send(tcp(1000, kTcpAck));
  const size_t events = core.events.size();

  for (int i = 0; i < 3; ++i) {
    pass(8 * kSecondNs);
    EXPECT_EQ(send(tcp(1000, kTcpAck)).size(), 2u) << "each packet of it keeps it refused";
  }

  EXPECT_EQ(core.events.size(), events);
  EXPECT_EQ(counters().flows_ended.read(), 1u);
  pass(kMillisecondNs);
  EXPECT_EQ(counters().flows.read(), 0u) << "what was cut is no flow";
  pass(12 * kSecondNs);
  EXPECT_EQ(core.core->flows_v4.size(), 0u) << "it is forgotten as one that closes";
  EXPECT_EQ(core.core->cut_entries, 0u);
  EXPECT_EQ(core.events.size(), events) << "without another record";
}

TEST_F(Recall, SynOnWhatWasCutOpensANewFlowElsewhere) {
  send(tcp(1000, kTcpSyn));
  set_states(BackendState::kRecalled);

  // In one burst, so that what follows the SYN must not find what was cut.
  const auto sent = core.send(
      {tcp(1000, kTcpAck).frame(), tcp(1000, kTcpSyn).frame(), tcp(1000, kTcpAck).frame()},
      policy.snapshot.get());

  EXPECT_EQ(sent.size(), 4u);
  ASSERT_EQ(core.events.size(), 3u);
  EXPECT_EQ(core.events[1].end_reason, EndReason::kRecalled);
  EXPECT_EQ(policy.name(TargetId{core.events[2].target}), "spare/spare-a");
  EXPECT_EQ(core.events[2].part, 1u);
  EXPECT_EQ(core.core->cut_entries, 0u);
  EXPECT_TRUE(core.is_balanced());
}

TEST_F(Recall, LiftedGivesBackendsNewFlowsAndLeavesCutOnesCut) {
  const std::string backend = backend_of(send(tcp(1000, kTcpSyn))[0]);
  set_states(BackendState::kRecalled);
  send(tcp(1000, kTcpAck));
  set_states(BackendState::kUp);

  const auto sent = send(tcp(1000, kTcpAck));
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].port, TestCore::kIngress);

  const auto reopened = send(tcp(1000, kTcpSyn));
  ASSERT_EQ(reopened.size(), 1u);
  EXPECT_EQ(backend_of(reopened[0]), backend);
}

TEST_F(Recall, ClientsOwnResetIsNotAnsweredButPassedOnToTheBackend) {
  send(tcp(1000, kTcpSyn));
  set_states(BackendState::kRecalled);

  const auto sent = send(tcp(1000, kTcpRst).sequence(300, 0));

  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(inner_of(sent[0]), PacketBuilder()
                                   .ipv4(kClient, kService)
                                   .tcp(1000, 80, kTcpRst)
                                   .sequence(300, 0)
                                   .window(0)
                                   .packet());
  EXPECT_EQ(core.dropped(DropReason::kRecalled), 1u);
  EXPECT_EQ(drop_reason_name(DropReason::kRecalled), "recalled");
}

TEST_F(Recall, SilentFlowsAreCutWithinAFifthOfASecond) {
  constexpr uint16_t kFlows = 900;
  TestCore large(4096);
  for (uint16_t port = 1; port <= kFlows; ++port) {
    large.send({tcp(port, kTcpSyn).frame(), tcp6(port, kTcpSyn).frame(), udp(port).frame(),
                PacketBuilder().ipv4("192.0.2.7", kService).tcp(port, 80, kTcpSyn).frame()},
               policy.snapshot.get());
  }
  large.events.clear();
  set_states(BackendState::kRecalled);

  large.pass(205 * kMillisecondNs, kMillisecondNs / 10, policy.snapshot.get());

  EXPECT_EQ(large.core->counters.swept_recall.read(), policy.recall);
  EXPECT_EQ(large.events.size(), 3u * kFlows);
  for (const FlowEvent& event : large.events)
    ASSERT_EQ(event.end_reason, EndReason::kRecalled);
  EXPECT_EQ(large.core->counters.flows.read(), kFlows) << "those of another pool stay";
  const auto sent = large.send({tcp(7, kTcpAck).frame()}, policy.snapshot.get());
  ASSERT_EQ(sent.size(), 2u);
  EXPECT_EQ(sent[0].port, TestCore::kIngress) << "its next packet is reset, not adopted";
}

TEST_F(Recall, SweepWaitsWhileTheBufferIsShortOfRoomAndLosesNoRecord) {
  for (uint16_t port = 1; port <= 600; ++port)
    send(tcp(port, kTcpSyn));
  core.events.clear();
  set_states(BackendState::kRecalled);
  CoreContext& context = *core.core;
  while (context.events.room() > kBurstMax)
    static_cast<void>(context.events.push({}));

  context.now_ns += kSecondNs;
  sweep_recalled(*policy.snapshot, context);
  EXPECT_EQ(context.cut_entries, 0u);
  EXPECT_EQ(context.counters.swept_recall.read(), 0u);

  context.events.remove_first(context.events.events().size());
  for (int turn = 0; turn < 1000 && context.counters.swept_recall.read() == 0; ++turn) {
    context.now_ns += kMillisecondNs;
    sweep_recalled(*policy.snapshot, context);
    core.take_events();
  }
  EXPECT_EQ(core.events.size(), 600u);
  EXPECT_EQ(context.counters.records_lost.read(), 0u);
}

TEST_F(Recall, CutsAlsoWhereTheBackendIsPastItsTime) {
  send(tcp(1000, kTcpSyn));
  for (const char* backend : kFour)
    policy.condition("four", backend).expired = true;
  set_states(BackendState::kRecalled);

  send(tcp(1000, kTcpAck));

  EXPECT_EQ(core.events.back().end_reason, EndReason::kRecalled);
  EXPECT_EQ(counters().replied.read(), 1u);
}

TEST_F(Recall, FullTableSendsNoPacketToARecalledBackend) {
  TestCore full(4);
  set_states(BackendState::kRecalled);

  for (uint16_t port = 1000; port < 1040; ++port) {
    for (const uint8_t flags : {kTcpSyn, kTcpAck}) {
      const auto sent = full.send({tcp(port, flags).frame()}, policy.snapshot.get());
      ASSERT_EQ(sent.size(), 1u);
      ASSERT_EQ(policy.name(policy.table->pools.back().ids[0]), "spare/spare-a");
      ASSERT_EQ(backend_of(sent[0]), policy.table->pools.back().members[0].address.to_string());
    }
  }
}

TEST_F(Recall, BothResetsOfAWholeBurstFitOnePort) {
  for (uint16_t port = 1; port <= kBurstMax; ++port)
    send(tcp(port, kTcpSyn));
  for (const char* backend : kFour)
    policy.condition("four", backend).next_hop.port = TestCore::kIngress;
  set_states(BackendState::kRecalled);
  std::vector<Bytes> frames;
  for (uint16_t port = 1; port <= kBurstMax; ++port)
    frames.push_back(tcp(port, kTcpAck).frame());

  EXPECT_EQ(core.send(frames, policy.snapshot.get()).size(), size_t{2} * kBurstMax);

  EXPECT_EQ(counters().replied.read(), kBurstMax);
  EXPECT_TRUE(core.is_balanced());
}

TEST_F(Recall, ResetThatThePortDoesNotTakeLeavesTheBalanceAlone) {
  send(tcp(1000, kTcpSyn));
  set_states(BackendState::kRecalled);
  core.port_accepts = 0;

  EXPECT_TRUE(send(tcp(1000, kTcpAck)).empty());

  EXPECT_EQ(core.dropped(DropReason::kTxFull), 1u) << "the answer to the client";
}

}  // namespace
}  // namespace sluice::dataplane

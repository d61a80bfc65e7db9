// SPDX-License-Identifier: Apache-2.0
//
// Flows of a rollout, packet by packet: which are observed, until when, and what is written.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "dataplane/flow/tcp_state.h"
#include "tests/support/packet_policy.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

constexpr uint64_t kMsNs = 1'000'000;
constexpr const char* kClient = "198.51.100.7";
constexpr const char* kService = "203.0.113.10";
constexpr uint8_t kAckPush = kTcpAck | 0x08;
constexpr uint32_t kFirst = 1000;        // the client's sequence number on the SYN
constexpr uint32_t kServerFirst = 5000;  // what the client acknowledges first

// A packet of the client that has sent `sent` bytes before and has `received` of the server's.
struct Step {
  uint8_t flags = kTcpAck;
  uint32_t sent = 0;
  uint32_t received = 0;
  uint32_t payload = 0;
};

Bytes syn(uint16_t port, const char* client = kClient) {
  return PacketBuilder().ipv4(client, kService).tcp(port, 80, kTcpSyn).sequence(kFirst, 0).frame();
}
Bytes packet(uint16_t port, const Step& step) {
  return PacketBuilder()
      .ipv4(kClient, kService)
      .tcp(port, 80, step.flags)
      .sequence(kFirst + 1 + step.sent, kServerFirst + step.received)
      .payload_bytes(step.payload)
      .frame();
}

v1::ForwardingTable table_with_rollout() {
  v1::ForwardingTable table = packet_test_table();
  add_rollout(table, "chat-four", "four", "spare");
  return table;
}

class ObservedFlows : public testing::Test {
 protected:
  void send(const std::vector<Bytes>& frames) {
    const size_t sent = core.send(frames, policy.snapshot.get()).size();
    EXPECT_EQ(sent, frames.size());
    EXPECT_TRUE(core.is_balanced());
  }
  void pass_ms(uint64_t ms) { core.pass(ms * kMsNs); }
  // What was written since the last call.
  std::vector<ObservationEvent> observations() {
    ObservationBuffer& buffer = core.core->observations;
    std::vector<ObservationEvent> written(buffer.events().begin(), buffer.events().end());
    buffer.remove_first(written.size());
    return written;
  }
  std::string pool_of_target(uint32_t target) const {
    const std::string name = policy.name(TargetId{target});
    return name.substr(0, name.find('/'));
  }
  // The flow's pool; "" when there is no such flow.
  std::string pool_of_flow(uint16_t port) {
    const FlowEntry<Family::kIpv4>* const entry = find(port);
    return entry == nullptr ? "" : pool_of_target(entry->target);
  }
  FlowEntry<Family::kIpv4>* find(uint16_t port) {
    FlowTable<Family::kIpv4>& flows = core.core->flows_v4;
    for (uint32_t position = 0; position < flows.positions_end(); ++position) {
      FlowEntry<Family::kIpv4>& entry = flows.at(position);
      if (entry.state != FlowState::kFree && entry.key.source_port().host() == port) return &entry;
    }
    return nullptr;
  }
  // Opens flows from `port` on until one is the pool's; its port.
  uint16_t open_flow_of(const std::string& pool, uint16_t port = 1000) {
    for (;; ++port) {
      send({syn(port)});
      if (pool_of_flow(port) == pool) return port;
    }
  }
  // The one that was written about a flow of this pool.
  ObservationEvent only_of(const std::string& pool, const std::vector<ObservationEvent>& all) {
    ObservationEvent found;
    size_t count = 0;
    for (const ObservationEvent& event : all) {
      if (pool_of_target(event.target) != pool) continue;
      found = event;
      ++count;
    }
    EXPECT_EQ(count, 1u);
    return found;
  }
  uint64_t missed() const { return core.core->counters.observations_missed.read(); }

  TestPolicy policy{table_with_rollout()};
  TestCore core;
};

TEST_F(ObservedFlows, OfBothSidesAreJudgedAtTheSameAge) {
  constexpr uint16_t kFlows = 40;
  std::vector<Bytes> opening;
  for (uint16_t port = 1000; port < 1000 + kFlows; ++port)
    opening.push_back(syn(port));
  send(opening);
  pass_ms(20);
  for (uint16_t port = 1000; port < 1000 + kFlows; ++port)
    send({packet(port, {}), packet(port, {.flags = kAckPush, .payload = 300})});
  pass_ms(50);
  for (uint16_t port = 1000; port < 1000 + kFlows; ++port)
    send({packet(port, {.sent = 300, .received = 1400}),
          packet(port, {.sent = 300, .received = 5000})});
  pass_ms(2920);
  EXPECT_TRUE(observations().empty()) << "their time has not come";
  pass_ms(40);

  const std::vector<ObservationEvent> written = observations();
  ASSERT_EQ(written.size(), size_t{kFlows});
  std::set<std::string> pools;
  for (const ObservationEvent& event : written) {
    pools.insert(pool_of_target(event.target));
    EXPECT_EQ(event.is_candidate, pool_of_target(event.target) == "spare");
    EXPECT_EQ(policy.registry.name(RolloutId{event.rollout}), "rollout-of-chat-four");
    EXPECT_EQ(event.start_ns, TestCore::kStartNs);
    EXPECT_EQ(event.age_ms, 3000u);
    EXPECT_EQ(event.handshake_us, 20'000u);
    EXPECT_EQ(event.request_bytes, 300u);
    EXPECT_EQ(event.response_us, 50'000u);
    EXPECT_EQ(event.response_bytes, 5000u);
    EXPECT_EQ(event.syn_retransmissions, 0u);
    EXPECT_FALSE(event.was_reset);
  }
  EXPECT_EQ(pools, (std::set<std::string>{"four", "spare"}));
  EXPECT_EQ(missed(), 0u);
}

TEST_F(ObservedFlows, OfASilentServerAreJudgedOnTimeWithoutAnotherPacket) {
  const uint16_t port = open_flow_of("spare");
  observations();
  pass_ms(1000);
  send({syn(port)});
  pass_ms(2050);

  const ObservationEvent event = only_of("spare", observations());

  EXPECT_EQ(event.age_ms, 3000u);
  EXPECT_EQ(event.syn_retransmissions, 1u);
  EXPECT_EQ(event.handshake_us, 0u);
  EXPECT_EQ(event.response_us, 0u);
}

TEST_F(ObservedFlows, AreJudgedWhenTheirClientResets) {
  const uint16_t port = open_flow_of("spare");
  pass_ms(20);
  send({packet(port, {}), packet(port, {.flags = kAckPush, .payload = 300})});
  pass_ms(480);
  send({packet(port, {.flags = kTcpRst | kTcpAck, .sent = 300})});

  const ObservationEvent event = only_of("spare", observations());

  EXPECT_TRUE(event.was_reset);
  EXPECT_EQ(event.age_ms, 500u);
  EXPECT_EQ(event.request_bytes, 300u);
  EXPECT_EQ(event.response_us, 0u);
  pass_ms(4000);
  for (const ObservationEvent& later : observations())
    EXPECT_FALSE(later.is_candidate) << "once is enough";
}

TEST_F(ObservedFlows, ThatTheirClientClosedAreJudgedAtTheirAge) {
  const uint16_t port = open_flow_of("spare");
  pass_ms(20);
  send({packet(port, {}), packet(port, {.flags = kAckPush | kTcpFin, .payload = 300})});
  pass_ms(100);
  send({packet(port, {.sent = 301, .received = 700})});
  EXPECT_TRUE(observations().empty());
  pass_ms(2920);

  const ObservationEvent event = only_of("spare", observations());

  EXPECT_EQ(event.age_ms, 3000u);
  EXPECT_EQ(event.response_us, 100'000u);
  EXPECT_EQ(event.response_bytes, 700u);
}

TEST_F(ObservedFlows, ThatMoveAreJudgedThen) {
  const uint16_t port = open_flow_of("spare");
  pass_ms(1000);
  policy.condition("spare", "spare-a").state = BackendState::kDown;
  policy.republish();
  send({packet(port, {})});

  const ObservationEvent event = only_of("spare", observations());

  EXPECT_EQ(event.age_ms, 1000u);
  EXPECT_EQ(pool_of_flow(port), "four");
  EXPECT_FALSE(find(port)->is_observed) << "the next part is nobody's";
}

TEST_F(ObservedFlows, AreJudgedOnceByTheirTimeHoweverLateTheTurn) {
  const uint16_t port = open_flow_of("spare");
  observations();
  core.core->now_ns += 3500 * kMsNs;
  send({packet(port, {.flags = kAckPush, .payload = 300})});

  const ObservationEvent event = only_of("spare", observations());

  EXPECT_EQ(event.age_ms, 3000u);
  EXPECT_EQ(event.handshake_us, 0u) << "what came later tells nothing";
  pass_ms(100);
  for (const ObservationEvent& later : observations())
    EXPECT_FALSE(later.is_candidate);
}

TEST_F(ObservedFlows, GoOnAsAllOthersAfterwards) {
  const uint16_t port = open_flow_of("spare");
  send({packet(port, {})});
  ASSERT_TRUE(find(port)->is_observed);
  EXPECT_FALSE(find(port)->is_steady());
  pass_ms(3100);

  EXPECT_FALSE(find(port)->is_observed);
  EXPECT_TRUE(find(port)->is_steady());
  send({packet(port, {.flags = kAckPush, .payload = 300})});
  EXPECT_EQ(pool_of_flow(port), "spare");
  EXPECT_EQ(find(port)->counts.packets, 3u) << "observed or not, each packet counts once";
}

TEST_F(ObservedFlows, OfOneBurstAreSeenFromTheirFirstPacketOn) {
  const uint16_t port = open_flow_of("spare");  // which port is the candidate's
  pass_ms(20'000);
  observations();
  send({syn(port), packet(port, {.flags = kAckPush, .payload = 300}),
        packet(port, {.sent = 300, .received = 90})});
  pass_ms(3100);

  const ObservationEvent event = only_of("spare", observations());

  EXPECT_EQ(event.handshake_us, 1u) << "at once, but seen";
  EXPECT_EQ(event.request_bytes, 300u);
  EXPECT_EQ(event.response_bytes, 90u);
}

TEST_F(ObservedFlows, AreThoseThatASynOpenedHere) {
  for (uint16_t port = 1000; port < 1040; ++port)
    send({packet(port, {})});  // adopted
  for (uint16_t port = 1000; port < 1040; ++port)
    send({PacketBuilder().ipv4(kClient, kService).udp(port, 443).payload_bytes(20).frame()});
  pass_ms(3100);

  EXPECT_TRUE(observations().empty());
  EXPECT_EQ(missed(), 0u);
}

TEST_F(ObservedFlows, AreNoneWhereARolloutDoesNotAskForThem) {
  policy.message = packet_test_table();
  add_rollout(policy.message, "chat-four", "four", "spare").set_observe_age_ms(0);
  policy.message.set_generation(policy.table->generation);
  policy.push();
  for (uint16_t port = 1000; port < 1040; ++port)
    send({syn(port)});
  pass_ms(3100);

  EXPECT_TRUE(observations().empty());
}

TEST_F(ObservedFlows, AreNoneThatWentElsewhereBecauseTheirPoolDoesNotServe) {
  for (const char* backend : {"four-a", "four-b", "four-c"})
    policy.condition("four", backend).state = BackendState::kDown;
  policy.republish();
  for (uint16_t port = 1000; port < 1040; ++port)
    send({syn(port)});
  pass_ms(3100);

  for (const ObservationEvent& event : observations())
    EXPECT_TRUE(event.is_candidate) << "the control's went to the candidate's pool";
}

TEST_F(ObservedFlows, TellWhenTheirClientComesAgain) {
  const uint16_t first = open_flow_of("spare");
  pass_ms(1000);
  const uint16_t second = open_flow_of("spare", static_cast<uint16_t>(first + 1));
  pass_ms(3100);
  std::vector<bool> are_reconnects;
  for (const ObservationEvent& event : observations()) {
    if (event.is_candidate) are_reconnects.push_back(event.is_reconnect);
  }
  EXPECT_EQ(are_reconnects, (std::vector<bool>{false, true}));

  open_flow_of("spare", static_cast<uint16_t>(second + 1));
  pass_ms(3100);
  EXPECT_FALSE(only_of("spare", observations()).is_reconnect) << "more than the age later";
}

TEST_F(ObservedFlows, OfAnotherClientAreNoReconnects) {
  std::vector<Bytes> opening;
  for (const char* client : {"198.51.100.8", "198.51.100.9", "198.51.100.10", "198.51.100.11"})
    opening.push_back(syn(2000, client));
  send(opening);
  pass_ms(3100);

  const std::vector<ObservationEvent> written = observations();
  ASSERT_EQ(written.size(), 4u);
  std::set<std::array<uint8_t, 8>> clients;
  for (const ObservationEvent& event : written) {
    EXPECT_FALSE(event.is_reconnect);
    clients.insert(event.client);
  }
  EXPECT_TRUE(clients.contains({198, 51, 100, 8}));
  EXPECT_EQ(clients.size(), 4u);
}

TEST_F(ObservedFlows, OfIpv6AreNamedByTheirNetwork) {
  const auto frame = [](uint8_t flags, uint32_t payload) {
    return PacketBuilder()
        .ipv6("2001:db8:1:2::7", "2001:db8:f::10")
        .tcp(1000, 80, flags)
        .sequence(flags == kTcpSyn ? kFirst : kFirst + 1, kServerFirst)
        .payload_bytes(payload)
        .frame();
  };
  send({frame(kTcpSyn, 0)});
  pass_ms(20);
  send({frame(kAckPush, 120)});
  pass_ms(3100);

  const std::vector<ObservationEvent> written = observations();
  ASSERT_EQ(written.size(), 1u);
  EXPECT_EQ(written[0].family, Family::kIpv6);
  EXPECT_EQ(written[0].client, (std::array<uint8_t, 8>{0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 2}));
  EXPECT_EQ(written[0].handshake_us, 20'000u);
  EXPECT_EQ(written[0].request_bytes, 120u);
}

// `count` flows of different clients and ports.
std::vector<Bytes> many_openings(uint32_t first, uint32_t count) {
  std::vector<Bytes> opening;
  for (uint32_t i = first; i < first + count; ++i) {
    const std::string client = "198.51.100." + std::to_string(1 + i % 200);
    opening.push_back(syn(static_cast<uint16_t>(1000 + i / 200), client.c_str()));
  }
  return opening;
}

TEST(ObservationLimits, FlowsWithoutAPlaceAreForwardedAndCounted) {
  constexpr uint32_t kTooMany = 100;
  TestPolicy policy(table_with_rollout());
  TestCore core(2 * kObservedFlowsMax);
  constexpr uint32_t kFlows = kObservedFlowsMax + kTooMany;
  size_t sent = 0;
  for (uint32_t first = 0; first < kFlows; first += kBurstMax) {
    const uint32_t count = std::min<uint32_t>(kBurstMax, kFlows - first);
    sent += core.send(many_openings(first, count), policy.snapshot.get()).size();
  }

  EXPECT_EQ(sent, kFlows);
  EXPECT_EQ(core.core->counters.observations_missed.read(), kTooMany);
  EXPECT_EQ(core.core->observed.size(), kObservedFlowsMax);
}

TEST(ObservationLimits, WhatNobodyTakesIsCounted) {
  TestPolicy policy(table_with_rollout());
  TestCore core(2048);
  constexpr uint32_t kFlows = 1024;
  for (uint32_t first = 0; first < kFlows; first += kBurstMax)
    core.send(many_openings(first, kBurstMax), policy.snapshot.get());
  core.pass(3200 * kMsNs);

  EXPECT_EQ(core.core->observations.events().size(), ObservationBuffer::kCapacity);
  EXPECT_EQ(core.core->counters.observations_missed.read(), kFlows - ObservationBuffer::kCapacity);
  EXPECT_EQ(core.core->observed.size(), 0u);
}

}  // namespace
}  // namespace sluice::dataplane

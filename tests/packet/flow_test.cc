// SPDX-License-Identifier: Apache-2.0
//
// What known flows keep through changes, how they end, and what is written about them.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/pipeline/end_turn.h"
#include "tests/support/packet_policy.h"
#include "tests/support/packet_pool.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

constexpr uint64_t kSecondNs = 1'000'000'000;
constexpr const char* kClient = "198.51.100.7";
constexpr const char* kService = "203.0.113.10";

Bytes tcp(uint16_t port, uint8_t flags, const char* client = kClient) {
  return PacketBuilder().ipv4(client, kService).tcp(port, 80, flags).sequence(100, 200).frame();
}
Bytes udp(uint16_t port) {
  return PacketBuilder().ipv4(kClient, kService).udp(port, 443).payload_bytes(20).frame();
}

class Flows : public testing::Test {
 protected:
  // Sends one frame; the backend that it went to by its outer destination, or "" when nothing was
  // forwarded.
  std::string send(const Bytes& frame) {
    constexpr size_t kOuterDestination = 14 + 16;
    const std::vector<Sent> sent = core.send({frame}, policy.snapshot.get());
    EXPECT_TRUE(core.is_balanced());
    if (sent.empty() || sent[0].port != TestPolicy::kUplink) return "";
    return IpAddress::from_bytes(std::span(sent[0].frame).subspan(kOuterDestination, 4))
        ->to_string();
  }
  std::string backend_name(const std::string& address) const {
    for (const Pool& pool : policy.table->pools) {
      for (const PoolMember& member : pool.members) {
        if (member.address.to_string() == address) return member.name;
      }
    }
    return "none";
  }
  void set_state(const std::string& backend, BackendState state) {
    policy.condition(backend.substr(0, backend.find('-')), backend).state = state;
    policy.republish();
  }
  const FlowEvent& last_event() const { return core.events.back(); }
  LcoreCounters& counters() { return core.core->counters; }
  TargetCounters& target_of(const FlowEvent& event) { return core.core->target(event.target); }

  TestPolicy policy{packet_test_table()};
  TestCore core;
};

TEST_F(Flows, StayWithTheirBackendThroughWeightChangesAndDrains) {
  std::map<uint16_t, std::string> backend;
  for (uint16_t port = 1000; port < 1300; ++port)
    backend[port] = send(tcp(port, kTcpSyn));

  pool_of(policy.message, "four").mutable_backends(0)->set_weight(1000);
  policy.push();
  set_state("four-b", BackendState::kDraining);

  for (const auto& [port, address] : backend)
    ASSERT_EQ(send(tcp(port, kTcpAck)), address) << port;
  std::set<std::string> fresh;
  for (uint16_t port = 2000; port < 2300; ++port)
    fresh.insert(backend_name(send(tcp(port, kTcpSyn))));
  EXPECT_FALSE(fresh.contains("four-b")) << "a draining backend gets no new flows";
}

TEST_F(Flows, MoveAsTheNextPartWhenTheirBackendGoesDown) {
  const std::string first = send(tcp(1000, kTcpSyn));
  send(tcp(1000, kTcpAck));

  set_state(backend_name(first), BackendState::kDown);
  const std::string second = send(tcp(1000, kTcpAck));

  EXPECT_NE(second, first);
  EXPECT_NE(second, "");
  ASSERT_EQ(core.events.size(), 3u);
  EXPECT_EQ(core.events[1].end_reason, EndReason::kMoved);
  EXPECT_EQ(core.events[1].counts.packets, 2u);
  EXPECT_EQ(core.events[2].end_reason, EndReason::kNone);
  EXPECT_EQ(core.events[2].flow_id, core.events[0].flow_id);
  EXPECT_EQ(core.events[2].part, 2u);
  EXPECT_EQ(core.events[2].view, policy.view);
  EXPECT_EQ(core.events[2].opened, Opened::kSyn);
  EXPECT_EQ(counters().flows_opened.read(), 1u);
  EXPECT_EQ(target_of(core.events[0]).flows_ended.read(), 1u);
  EXPECT_EQ(target_of(core.events[2]).packets.read(), 1u);
}

TEST_F(Flows, MoveWhenTheirBackendIsRemovedEvenIfItsIndexIsUsedAgain) {
  std::map<uint16_t, std::string> backend;
  for (uint16_t port = 1000; port < 1100; ++port)
    backend[port] = send(tcp(port, kTcpSyn));

  v1::BackendEntry& changed = *pool_of(policy.message, "four").mutable_backends(0);
  const std::string removed = IpAddress::from_bytes(changed.address())->to_string();
  changed.set_address(IpAddress::parse("10.77.1.99")->to_bytes());
  changed.set_name("four-new");
  auto& backends = *pool_of(policy.message, "four").mutable_backends();
  backends.SwapElements(0, 1);
  backends.SwapElements(1, 2);
  policy.push();

  for (const auto& [port, address] : backend) {
    const std::string now = send(tcp(port, kTcpAck));
    if (address == removed) {
      ASSERT_NE(now, removed);
    } else {
      ASSERT_EQ(now, address);
    }
  }
}

TEST_F(Flows, MoveWhenTheirPoolIsPastItsTime) {
  constexpr int64_t kSeconds = 1'900'000'000;
  pool_of(policy.message, "four").mutable_eligible_until()->set_seconds(kSeconds);
  policy.push();
  send(tcp(1000, kTcpSyn));

  policy.now_unix_ms = kSeconds * 1000;
  policy.republish();
  const std::string backend = send(tcp(1000, kTcpAck));

  EXPECT_EQ(backend_name(backend), "spare-a");
  EXPECT_EQ(core.events[1].end_reason, EndReason::kMoved);
}

TEST_F(Flows, MoveToTheOthersWhenTheirBackendIsPastItsOwnTime) {
  const std::string first = send(tcp(1000, kTcpSyn));
  v1::PoolEntry& four = pool_of(policy.message, "four");
  for (v1::BackendEntry& backend : *four.mutable_backends()) {
    if (backend.name() != backend_name(first)) continue;
    backend.mutable_eligible_until()->set_seconds(policy.now_unix_ms / 1000 + 10);
  }
  policy.push();
  EXPECT_EQ(send(tcp(1000, kTcpAck)), first);

  policy.now_unix_ms += 10'000;
  policy.republish();
  const std::string second = send(tcp(1000, kTcpAck));
  EXPECT_NE(second, first);
  EXPECT_TRUE(backend_name(second).starts_with("four-")) << second;
}

// DSCP 46 goes to `spare`, in IPv4 and IPv6, whatever the ECN bits.
TEST_F(Flows, BeginAtTheRouteThatTakesTheirDscpAndStayThere) {
  v1::RouteEntry urgent;
  for (const v1::RouteEntry& route : policy.message.routes()) {
    if (route.name() == "chat-four") urgent = route;
  }
  urgent.set_name("chat-urgent");
  urgent.mutable_split(0)->set_pool("spare");
  urgent.clear_fallback();
  urgent.add_dscp(46);
  *policy.message.add_routes() = urgent;
  steering_of(policy.message, "chat", "four").add_conditional_routes("chat-urgent");
  policy.push();
  const auto marked = [](const char* client, const char* service, uint16_t port, uint8_t tos) {
    return PacketBuilder().ipv4(client, service).tos(tos).tcp(port, 80, kTcpSyn).frame();
  };

  for (uint8_t ecn = 0; ecn < 4; ++ecn) {
    const auto tos = static_cast<uint8_t>(46 << 2 | ecn);
    EXPECT_EQ(backend_name(send(marked(kClient, kService, 1000 + ecn, tos))), "spare-a");
    EXPECT_EQ(backend_name(send(marked("2001:db8:1::7", "2001:db8:f::10", 1000 + ecn, tos))),
              "spare-a");
    EXPECT_NE(backend_name(send(marked(kClient, kService, 2000 + ecn, ecn))), "spare-a");
    EXPECT_NE(backend_name(send(marked("2001:db8:1::7", "2001:db8:f::10", 2000 + ecn, ecn))),
              "spare-a");
  }
  EXPECT_EQ(backend_name(send(tcp(1000, kTcpAck))), "spare-a") << "its first packet counts";
}

TEST_F(Flows, KeepTheirPoolWhenTheTimeOfTheirRouteEnds) {
  v1::RouteEntry by_day;
  for (const v1::RouteEntry& route : policy.message.routes()) {
    if (route.name() == "chat-four") by_day = route;
  }
  by_day.set_name("chat-by-day");
  by_day.mutable_split(0)->set_pool("spare");
  by_day.clear_fallback();
  by_day.add_times()->set_begin(minute_of_week(policy.now_unix_ms));
  by_day.mutable_times(0)->set_end(by_day.times(0).begin() + 1);
  *policy.message.add_routes() = by_day;
  steering_of(policy.message, "chat", "four").add_conditional_routes("chat-by-day");
  policy.push();
  EXPECT_EQ(backend_name(send(tcp(1000, kTcpSyn))), "spare-a");

  policy.now_unix_ms += 60'000;
  policy.republish();
  EXPECT_EQ(backend_name(send(tcp(1000, kTcpAck))), "spare-a");
  EXPECT_NE(backend_name(send(tcp(1001, kTcpSyn))), "spare-a");
}

TEST_F(Flows, StayOnABackendThatIsUpBelowMinUp) {
  const std::string first = send(tcp(1000, kTcpSyn));
  pool_of(policy.message, "four").set_min_up(3);
  policy.push();
  for (const char* backend : {"four-a", "four-b", "four-c"}) {
    if (backend_name(first) != backend) set_state(backend, BackendState::kDown);
  }

  EXPECT_EQ(send(tcp(1000, kTcpAck)), first);
  EXPECT_EQ(backend_name(send(tcp(1001, kTcpSyn))), "spare-a") << "new flows go to the fallback";
}

// Makes pool `four` ineligible for the class `four` at `chat`, in a new epoch.
void revoke(TestPolicy& policy) {
  v1::SteeringEntry& steering = steering_of(policy.message, "chat", "four");
  steering.set_route("chat-six");
  steering.clear_eligible_pools();
  steering.add_eligible_pools("six");
  policy.message.set_eligibility_epoch(policy.message.eligibility_epoch() + 1);
  policy.push();
}

TEST_F(Flows, AreResetWhenTheirPoolIsNoLongerEligible) {
  send(tcp(1000, kTcpSyn));
  revoke(policy);

  const auto sent = core.send({tcp(1000, kTcpAck)}, policy.snapshot.get());

  const Bytes reset = PacketBuilder()
                          .ethernet({0x02, 0, 0, 0, 0xed, 0x01}, {0x02, 0, 0, 0, 0xc1, 0x01})
                          .ipv4(kService, kClient)
                          .tcp(80, 1000, kTcpRst)
                          .sequence(200, 0)
                          .window(0)
                          .frame();
  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0], (Sent{TestCore::kIngress, reset}));
  EXPECT_EQ(last_event().end_reason, EndReason::kRevoked);
  EXPECT_EQ(last_event().counts.packets, 1u);
  EXPECT_EQ(counters().flows_ended.read(), 1u);
  EXPECT_TRUE(core.is_balanced());
}

TEST_F(Flows, RevokedStayResetAndAreNotAdoptedByAnotherPool) {
  send(tcp(1000, kTcpSyn));
  revoke(policy);
  send(tcp(1000, kTcpAck));

  const auto again = core.send({tcp(1000, kTcpAck)}, policy.snapshot.get());
  ASSERT_EQ(again.size(), 1u) << "the backend that the client may not reach is not told";
  EXPECT_EQ(again[0].port, TestCore::kIngress);
  EXPECT_EQ(core.events.size(), 2u);

  send(tcp(1000, kTcpSyn));
  EXPECT_EQ(policy.name(TargetId{last_event().target}), "six/six-a");
}

TEST_F(Flows, RevokedDropWhenTheClientItselfResets) {
  send(tcp(1000, kTcpSyn));
  revoke(policy);

  EXPECT_EQ(send(tcp(1000, kTcpRst)), "");

  EXPECT_EQ(core.dropped(DropReason::kRevoked), 1u);
  EXPECT_EQ(last_event().end_reason, EndReason::kRevoked);
}

TEST_F(Flows, RevokedDatagramsAreSteeredAnew) {
  send(udp(1000));
  revoke(policy);

  const auto sent = core.send({udp(1000)}, policy.snapshot.get());

  ASSERT_EQ(sent.size(), 1u);
  EXPECT_EQ(sent[0].port, TestPolicy::kUplink);
  ASSERT_EQ(core.events.size(), 3u);
  EXPECT_EQ(core.events[1].end_reason, EndReason::kRevoked);
  EXPECT_EQ(policy.name(TargetId{core.events[2].target}), "six/six-a");
  EXPECT_EQ(core.events[2].part, 2u);
}

TEST_F(Flows, SurviveANewEpochInWhichTheirPoolIsStillEligible) {
  const std::string first = send(tcp(1000, kTcpSyn));
  policy.message.set_eligibility_epoch(2);
  policy.push();

  EXPECT_EQ(send(tcp(1000, kTcpAck)), first);
  EXPECT_EQ(core.events.size(), 1u);
}

// What a controller does when a rollout goes back: the clients' flows leave the candidate.
void evict(TestPolicy& policy, const std::string& route, const std::string& pool) {
  for (v1::RouteEntry& entry : *policy.message.mutable_routes()) {
    if (entry.name() == route) entry.add_evicted(pool);
  }
  policy.message.set_eligibility_epoch(policy.message.eligibility_epoch() + 1);
  policy.push();
}

v1::RolloutSplit& roll_out(TestPolicy& policy, uint32_t weight) {
  for (v1::RouteEntry& entry : *policy.message.mutable_routes()) {
    if (entry.name() != "chat-four") continue;
    v1::RolloutSplit& rollout = *entry.add_rollouts();
    rollout.set_stable("four");
    rollout.set_candidate("spare");
    rollout.set_weight(weight);
    rollout.set_seed("to-spare");
    policy.push();
    return rollout;
  }
  std::abort();
}

TEST_F(Flows, OfTheCandidateAreResetWhenTheirRouteEvictsThem) {
  v1::RolloutSplit& rollout = roll_out(policy, 500'000);
  std::map<uint16_t, std::string> pool;
  for (uint16_t port = 1000; port < 1100; ++port)
    pool[port] = backend_name(send(tcp(port, kTcpSyn))).substr(0, 5);
  rollout.set_weight(0);
  evict(policy, "chat-four", "spare");
  core.events.clear();

  int cut = 0;
  for (const auto& [port, first] : pool) {
    const std::string now = send(tcp(port, kTcpAck));
    EXPECT_EQ(now.empty(), first == "spare") << port;
    if (!now.empty()) continue;
    ++cut;
    EXPECT_EQ(last_event().end_reason, EndReason::kRevoked);
    EXPECT_TRUE(backend_name(send(tcp(port, kTcpSyn))).starts_with("four-"));
  }
  EXPECT_GT(cut, 20);
  EXPECT_EQ(counters().replied.read(), static_cast<uint64_t>(cut));
}

TEST_F(Flows, EvictedDatagramsAreSteeredAnew) {
  v1::RolloutSplit& rollout = roll_out(policy, 1'000'000);
  EXPECT_EQ(backend_name(send(udp(1000))), "spare-a");
  rollout.set_weight(0);
  evict(policy, "chat-four", "spare");

  EXPECT_TRUE(backend_name(send(udp(1000))).starts_with("four-"));
  EXPECT_EQ(last_event().part, 2u);
}

TEST_F(Flows, OfAnotherRouteStayInAPoolThatOneEvicts) {
  v1::RouteEntry marked;
  for (const v1::RouteEntry& route : policy.message.routes()) {
    if (route.name() == "chat-four") marked = route;
  }
  marked.set_name("chat-marked");
  marked.add_dscp(46);
  *policy.message.add_routes() = marked;
  steering_of(policy.message, "chat", "four").add_conditional_routes("chat-marked");
  policy.push();
  const auto urgent = [](uint8_t flags) {
    return PacketBuilder().ipv4(kClient, kService).tos(46 << 2).tcp(2000, 80, flags).frame();
  };
  const std::string by_plain = send(tcp(1000, kTcpSyn));
  const std::string by_marked = send(urgent(kTcpSyn));
  evict(policy, "chat-marked", "four");

  EXPECT_EQ(send(tcp(1000, kTcpAck)), by_plain);
  EXPECT_NE(by_marked, "");
  EXPECT_EQ(send(urgent(kTcpAck)), "");
}

// Flows begun behind the eviction carry its epoch.
TEST_F(Flows, OfTheRoutesOwnSplitComeBackToAPoolThatWasEvicted) {
  evict(policy, "chat-four", "four");
  const std::string first = send(tcp(1000, kTcpSyn));
  EXPECT_TRUE(backend_name(first).starts_with("four-"));
  EXPECT_EQ(send(tcp(1000, kTcpAck)), first);
}

TEST_F(Flows, RecalledAreCut) {
  const std::string first = send(tcp(1000, kTcpSyn));
  set_state(backend_name(first), BackendState::kRecalled);

  EXPECT_EQ(send(tcp(1000, kTcpAck)), "");

  EXPECT_EQ(counters().replied.read(), 1u);
  EXPECT_EQ(last_event().end_reason, EndReason::kRecalled);
}

TEST_F(Flows, AdoptedGoToTheSlotsOwnerEvenIfItDrains) {
  std::map<uint16_t, std::string> owner;
  for (uint16_t port = 1000; port < 1100; ++port)
    owner[port] = send(tcp(port, kTcpSyn));
  for (const char* backend : {"four-a", "four-b"})
    set_state(backend, BackendState::kDraining);

  TestCore another;
  for (const auto& [port, address] : owner) {
    const auto sent = another.send({tcp(port, kTcpAck)}, policy.snapshot.get());
    ASSERT_EQ(sent.size(), 1u);
    ASSERT_EQ(IpAddress::from_bytes(std::span(sent[0].frame).subspan(30, 4))->to_string(), address);
  }
  EXPECT_EQ(another.events.front().opened, Opened::kAdopted);
  EXPECT_EQ(another.events.front().handshake_us, 0u);
}

TEST_F(Flows, RetransmittedSynKeepsTheFlowAndItsBackend) {
  const std::string first = send(tcp(1000, kTcpSyn));

  EXPECT_EQ(send(tcp(1000, kTcpSyn)), first);
  send(tcp(1000, kTcpAck));
  EXPECT_EQ(send(tcp(1000, kTcpSyn)), first) << "a SYN on an open flow stays with it";
  EXPECT_EQ(core.events.size(), 1u);
}

TEST_F(Flows, SynOnAClosingFlowEndsItAndOpensAnother) {
  send(tcp(1000, kTcpSyn));
  send(tcp(1000, kTcpAck));
  send(tcp(1000, kTcpFin | kTcpAck));

  // In one burst with what follows it, so that both packets have to count for the new flow.
  core.send({tcp(1000, kTcpAck), tcp(1000, kTcpSyn), tcp(1000, kTcpAck)}, policy.snapshot.get());

  ASSERT_EQ(core.events.size(), 3u);
  EXPECT_EQ(core.events[1].end_reason, EndReason::kFin);
  EXPECT_EQ(core.events[1].counts.packets, 4u)
      << "the ACK before the SYN was sent for the old flow";
  EXPECT_NE(core.events[2].flow_id, core.events[0].flow_id);
  EXPECT_EQ(core.events[2].part, 1u);

  core.pass(20 * kSecondNs);
  core.pass(900 * kSecondNs, kSecondNs);
  EXPECT_EQ(last_event().end_reason, EndReason::kIdle);
  EXPECT_EQ(last_event().counts.packets, 2u);
  EXPECT_GE(last_event().handshake_us, 1u);
}

// A server that resets a connection does so past the node.
TEST_F(Flows, SynOnAFlowThatIsOpenAndQuietOpensAnotherWhereNewFlowsGo) {
  const std::string first = send(tcp(1000, kTcpSyn));
  send(tcp(1000, kTcpAck));
  set_state(backend_name(first), BackendState::kDraining);

  core.pass(9 * kSecondNs);
  EXPECT_EQ(send(tcp(1000, kTcpSyn)), first) << "a repeated one that was long under way";
  EXPECT_EQ(core.events.size(), 1u);
  core.pass(10 * kSecondNs);
  EXPECT_NE(send(tcp(1000, kTcpSyn)), first);

  ASSERT_EQ(core.events.size(), 3u);
  EXPECT_EQ(core.events[1].end_reason, EndReason::kIdle);
  EXPECT_EQ(core.events[1].counts.packets, 3u);
  EXPECT_NE(core.events[2].flow_id, core.events[0].flow_id);
  EXPECT_EQ(core.events[2].opened, Opened::kSyn);
  EXPECT_EQ(counters().flows_opened.read(), 2u);
  EXPECT_EQ(counters().flows_ended.read(), 1u);
}

TEST_F(Flows, QuietConnectionGoesOnWithItsBackend) {
  const std::string first = send(tcp(1000, kTcpSyn));
  send(tcp(1000, kTcpAck));
  set_state(backend_name(first), BackendState::kDraining);

  core.pass(800 * kSecondNs, kSecondNs);

  EXPECT_EQ(send(tcp(1000, kTcpAck)), first);
  EXPECT_EQ(core.events.size(), 1u);
}

TEST_F(Flows, EndByTheTimeoutOfTheirState) {
  struct Row {
    const char* name;
    std::vector<Bytes> frames;
    uint64_t timeout_s;
    EndReason reason;
  };
  const Row rows[] = {
      {"opening", {tcp(1, kTcpSyn)}, 10, EndReason::kIdle},
      {"open", {tcp(2, kTcpSyn), tcp(2, kTcpAck)}, 900, EndReason::kIdle},
      {"finished", {tcp(3, kTcpSyn), tcp(3, kTcpFin | kTcpAck)}, 10, EndReason::kFin},
      {"reset", {tcp(4, kTcpSyn), tcp(4, kTcpRst)}, 10, EndReason::kReset},
      {"datagrams", {udp(5)}, 60, EndReason::kIdle},
  };
  for (const Row& row : rows) {
    for (const Bytes& frame : row.frames)
      core.send({frame}, policy.snapshot.get());
    core.events.clear();

    core.pass((row.timeout_s - 1) * kSecondNs, kSecondNs);
    EXPECT_TRUE(core.events.empty()) << row.name;
    core.pass(3 * kSecondNs);

    ASSERT_EQ(core.events.size(), 1u) << row.name;
    EXPECT_EQ(core.events[0].end_reason, row.reason) << row.name;
    EXPECT_EQ(core.events[0].counts.packets, row.frames.size()) << row.name;
  }
  EXPECT_EQ(counters().flows.read(), 0u);
}

TEST_F(Flows, ServiceIdleTimeReplacesTheNodes) {
  for (v1::ServiceEntry& service : *policy.message.mutable_services())
    service.mutable_tcp_idle()->set_seconds(30);
  policy.push();
  send(tcp(1000, kTcpSyn));
  send(tcp(1000, kTcpAck));

  core.pass(29 * kSecondNs);
  EXPECT_EQ(core.events.size(), 1u);
  core.pass(3 * kSecondNs);
  EXPECT_EQ(core.events.size(), 2u);
}

TEST_F(Flows, HandshakeTimeIsFromTheSynToTheClientsNextSegment) {
  send(tcp(1000, kTcpSyn));
  core.pass(25'000'000);
  send(tcp(1000, kTcpAck));
  core.pass(10'000'000);
  send(tcp(1000, kTcpFin | kTcpAck));
  core.pass(12 * kSecondNs);

  EXPECT_EQ(last_event().handshake_us, 25'000u);
}

// What a judge of pools looks at: each flow's handshake once, adopted flows not at all.
TEST_F(Flows, CountTheHandshakesThatASynBegan) {
  send(tcp(1000, kTcpSyn));
  send(tcp(1000, kTcpSyn));
  core.core->now_ns += 3'000'000;
  send(tcp(1000, kTcpAck));
  send(tcp(1000, kTcpAck));
  send(tcp(1001, kTcpSyn));
  send(tcp(1002, kTcpAck));

  uint64_t begun = 0, completed = 0, us = 0;
  for (uint32_t id = 1; id <= policy.registry.target_count(); ++id) {
    begun += core.core->handshakes[id].begun.read();
    completed += core.core->handshakes[id].completed.read();
    us += core.core->handshakes[id].us.read();
  }
  EXPECT_EQ(begun, 2u);
  EXPECT_EQ(completed, 1u);
  EXPECT_EQ(us, 3000u);
}

TEST_F(Flows, BeyondCapacityAreForwardedByTheSameSteeringAndCounted) {
  TestCore small(4);
  TestCore large(1024);
  std::vector<Sent> by_small;
  std::vector<Sent> by_large;
  for (uint16_t port = 1000; port < 1040; ++port) {
    for (const uint8_t flags : {kTcpSyn, kTcpAck}) {
      const Bytes frame = tcp(port, flags);
      for (Sent& sent : small.send({frame}, policy.snapshot.get()))
        by_small.push_back(std::move(sent));
      for (Sent& sent : large.send({frame}, policy.snapshot.get()))
        by_large.push_back(std::move(sent));
    }
  }

  EXPECT_EQ(by_small, by_large);
  EXPECT_EQ(small.events.size(), 4u);
  uint64_t packets = 0;
  uint64_t unrecorded = 0;
  uint64_t syns = 0;
  for (size_t id = 0; id < small.core->targets.size(); ++id) {
    packets += small.core->targets[id].packets.read();
    unrecorded += small.core->targets[id].unrecorded_packets.read();
    syns += small.core->targets[id].unrecorded_syns.read();
  }
  EXPECT_EQ(packets, 80u);
  EXPECT_EQ(unrecorded, 72u);
  EXPECT_EQ(syns, 36u);
}

TEST_F(Flows, OnlyWhatThePortTookCountsForThem) {
  send(tcp(1000, kTcpSyn));
  core.port_accepts = 0;
  core.send({tcp(1000, kTcpAck), tcp(1000, kTcpAck)}, policy.snapshot.get());
  core.port_accepts = kBurstMax;
  core.pass(1000 * kSecondNs, kSecondNs);

  EXPECT_EQ(last_event().counts.packets, 1u);
  EXPECT_EQ(last_event().counts.bytes, 40u);
  EXPECT_EQ(target_of(last_event()).packets.read(), 1u);
}

TEST_F(Flows, EventsBeyondTheBufferAreLostAndCounted) {
  CoreContext& context = *core.core;
  while (context.events.room() > 0)
    static_cast<void>(context.events.push({}));

  core.send({tcp(1000, kTcpSyn)}, policy.snapshot.get());

  EXPECT_EQ(counters().records_lost.read(), 1u);
  EXPECT_EQ(counters().forwarded.read(), 1u);
}

TEST_F(Flows, ExpiryWaitsWhileTheBufferIsShortOfRoom) {
  send(udp(1000));
  CoreContext& context = *core.core;
  while (context.events.room() > kBurstMax)
    static_cast<void>(context.events.push({}));
  context.now_ns += 100 * kSecondNs;
  end_turn(context);
  EXPECT_EQ(context.flows_v4.size(), 1u);

  context.events.remove_first(context.events.events().size());
  context.now_ns += kSecondNs;
  end_turn(context);
  EXPECT_EQ(context.flows_v4.size(), 0u);
}

TEST_F(Flows, ShutdownEndsEveryFlow) {
  for (uint16_t port = 1000; port < 2000; ++port)
    send(tcp(port, kTcpSyn));
  send(PacketBuilder().ipv6("2001:db8:1::7", "2001:db8:f::10").tcp(1, 80, kTcpSyn).frame());
  core.events.clear();

  while (!end_some_flows(EndReason::kShutdown, *core.core))
    core.take_events();
  core.take_events();

  EXPECT_EQ(core.events.size(), 1001u);
  for (const FlowEvent& event : core.events)
    ASSERT_EQ(event.end_reason, EndReason::kShutdown);
  EXPECT_EQ(counters().flows.read(), 0u);
}

}  // namespace
}  // namespace sluice::dataplane

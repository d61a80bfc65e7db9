// SPDX-License-Identifier: Apache-2.0
//
// What is foretold of live flows, against what the packet path then does with them.
#include "dataplane/daemon/foresight.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
#include <tuple>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/table/from_proto.h"
#include "tests/support/packet_policy.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

constexpr uint16_t kFlowsPerKind = 700;
constexpr const char* kService4 = "203.0.113.10";
constexpr const char* kService6 = "2001:db8:f::10";

struct Outcome {
  uint64_t moved = 0, revoked = 0, resteered = 0;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// One more packet of the flow: its first, or a later one.
Bytes packet_of(const FlowEvent& flow, bool is_first) {
  const size_t bytes = flow.family == Family::kIpv4 ? 4 : 16;
  const auto text = [&](const auto& address) {
    return IpAddress::from_bytes(std::span(address).first(bytes))->to_string();
  };
  PacketBuilder packet;
  if (flow.family == Family::kIpv4) {
    packet.ipv4(text(flow.client), text(flow.service));
  } else {
    packet.ipv6(text(flow.client), text(flow.service));
  }
  if (flow.protocol == kProtocolUdp) return packet.udp(flow.client_port, flow.service_port).frame();
  return packet.tcp(flow.client_port, flow.service_port, is_first ? kTcpSyn : kTcpAck).frame();
}

class ForesightTest : public testing::Test {
 protected:
  ForesightTest() {
    for (uint16_t port = 1000; port < 1000 + kFlowsPerKind; ++port) {
      open(PacketBuilder().ipv4("198.51.100.7", kService4).tcp(port, 80, kTcpSyn));
      open(PacketBuilder().ipv4("198.51.100.8", kService4).udp(port, 443));
      open(PacketBuilder().ipv6("2001:db8:1::7", kService6).tcp(port, 80, kTcpSyn));
      open(PacketBuilder().ipv4("192.0.2.7", kService4).tcp(port, 80, kTcpSyn));
    }
    for (const FlowEvent& event : core.events)
      flows.push_back(event);
    EXPECT_EQ(flows.size(), 4u * kFlowsPerKind);
  }
  void open(const PacketBuilder& packet) { core.send({packet.frame()}, policy.snapshot.get()); }

  // Of the table that `policy.message` would become, with the states as they are.
  v1::FlowEffects foretell() {
    const std::unique_ptr<Registry> registry = policy.registry.copy();
    v1::ForwardingTable message = policy.message;
    message.set_generation(message.generation() + 1);
    const auto built = build_table(message, policy.table.get(), *registry);
    EXPECT_TRUE(built.ok()) << built.status();
    std::vector<BackendCondition> conditions(built->table->backend_capacity);
    for (const Pool& pool : built->table->pools) {
      for (const PoolMember& member : pool.members) {
        const auto state = states.find(member.name);
        conditions[member.id.index()].state =
            state == states.end() ? BackendState::kUp : state->second;
      }
    }
    const auto snapshot = make_snapshot(built->table, 1, conditions, policy.now_unix_ms);
    Foresight foresight(*snapshot, *registry);
    for (const FlowEvent& flow : flows)
      foresight.add(flow);
    return foresight.effects();
  }
  // Makes it so, and sends one more packet of each flow, and a first one of each to a node that
  // knows none.
  Outcome happen() {
    policy.push();
    for (const auto& [name, state] : states)
      policy.condition(name.substr(0, name.find('-')), name).state = state;
    policy.republish();
    TestCore fresh(8192);
    Outcome outcome;
    for (const FlowEvent& flow : flows) {
      core.core->now_ns += 2'000'000;  // so that no reply is over the limit
      fresh.core->now_ns += 2'000'000;
      const auto sent = core.send({packet_of(flow, false)}, policy.snapshot.get());
      const auto first = fresh.send({packet_of(flow, true)}, policy.snapshot.get());
      const std::string before = policy.registry.names(TargetId{flow.target})->backend.name;
      if (sent.empty() || sent[0].port != TestPolicy::kUplink) {
        ++outcome.revoked;
      } else if (name_of(sent[0]) != before) {
        ++outcome.moved;
      } else if (first.empty() || first[0].port != TestPolicy::kUplink ||
                 name_of(first[0]) != before) {
        ++outcome.resteered;
      }
    }
    return outcome;
  }
  std::string name_of(const Sent& sent) {
    for (const Pool& pool : policy.table->pools) {
      for (const PoolMember& member : pool.members) {
        const size_t offset = member.address.is_ipv4() ? 14 + 16 : 14 + 24;
        const auto bytes = member.address.bytes();
        if (std::equal(bytes.begin(), bytes.end(), sent.frame.begin() + static_cast<long>(offset)))
          return member.name;
      }
    }
    return "none";
  }

  TestPolicy policy{packet_test_table()};
  TestCore core{8192};
  std::vector<FlowEvent> flows;
  std::map<std::string, BackendState> states;  // by backend; who is missing is up
};

Outcome outcome_of(const v1::FlowEffects& effects) {
  return {effects.moved(), effects.revoked(), effects.resteered()};
}

TEST_F(ForesightTest, NothingChangesUnderTheSameTable) {
  const v1::FlowEffects effects = foretell();

  EXPECT_EQ(effects.flows(), flows.size());
  EXPECT_EQ(outcome_of(effects), Outcome{});
  EXPECT_EQ(happen(), Outcome{});
}

TEST_F(ForesightTest, RemovedBackendMovesItsFlowsAndNoOthers) {
  pool_of(policy.message, "four").mutable_backends()->DeleteSubrange(1, 1);

  const v1::FlowEffects effects = foretell();

  EXPECT_GT(effects.moved(), kFlowsPerKind / 2);
  EXPECT_EQ(effects.revoked(), 0u);
  EXPECT_EQ(outcome_of(effects), happen());
}

TEST_F(ForesightTest, ChangedWeightsMoveNewFlowsOnly) {
  pool_of(policy.message, "four").mutable_backends(0)->set_weight(5);

  const v1::FlowEffects effects = foretell();

  EXPECT_EQ(effects.moved() + effects.revoked(), 0u);
  EXPECT_GT(effects.resteered(), kFlowsPerKind / 4);
  EXPECT_EQ(outcome_of(effects), happen());
}

TEST_F(ForesightTest, LostEligibilityRevokesTcpAndMovesDatagrams) {
  v1::SteeringEntry& steering = steering_of(policy.message, "chat", "four");
  steering.set_route("chat-six");
  steering.clear_eligible_pools();
  steering.add_eligible_pools("six");
  policy.message.set_eligibility_epoch(policy.message.eligibility_epoch() + 1);

  const v1::FlowEffects effects = foretell();

  EXPECT_EQ(effects.revoked(), 2u * kFlowsPerKind);
  EXPECT_EQ(effects.moved(), kFlowsPerKind);
  EXPECT_EQ(outcome_of(effects), happen());
}

TEST_F(ForesightTest, RecalledBackendsRevokeAndDeadOnesMove) {
  states = {{"four-a", BackendState::kRecalled},
            {"four-b", BackendState::kDown},
            {"four-c", BackendState::kDraining}};

  const v1::FlowEffects effects = foretell();

  EXPECT_GT(effects.revoked(), 0u);
  EXPECT_GT(effects.moved(), 0u);
  EXPECT_GT(effects.resteered(), 0u);
  EXPECT_EQ(outcome_of(effects), happen());
}

TEST_F(ForesightTest, RemovedServiceRevokesItsFlowsAndHasNoClients) {
  policy.message.mutable_services()->DeleteSubrange(0, policy.message.services_size());
  policy.message.clear_routes();
  policy.message.clear_steering();
  policy.message.set_eligibility_epoch(policy.message.eligibility_epoch() + 1);

  const v1::FlowEffects effects = foretell();

  EXPECT_EQ(effects.revoked(), flows.size());
  EXPECT_EQ(effects.clients_size(), 0);
  EXPECT_EQ(outcome_of(effects), happen());
}

TEST_F(ForesightTest, ClientsAreSummedByServiceAndClass) {
  pool_of(policy.message, "four").mutable_backends()->DeleteSubrange(1, 1);

  const v1::FlowEffects effects = foretell();

  ASSERT_EQ(effects.clients_size(), 2);
  uint64_t resteered = 0;
  for (const v1::ClientEffects& clients : effects.clients()) {
    EXPECT_EQ(clients.service(), "chat");
    const bool is_four = clients.client_class() == "four";
    EXPECT_EQ(clients.flows(), (is_four ? 3u : 1u) * kFlowsPerKind);
    if (!is_four) {
      EXPECT_EQ(clients.resteered(), 0u);
    }
    resteered += clients.resteered();
  }
  EXPECT_EQ(resteered, effects.moved() + effects.resteered());
}

}  // namespace
}  // namespace sluice::dataplane

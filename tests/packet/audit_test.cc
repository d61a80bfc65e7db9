// SPDX-License-Identifier: Apache-2.0
//
// What happens to flows that must be recorded, and cannot be.
#include <gtest/gtest.h>

#include "dataplane/flow/tcp_state.h"
#include "tests/support/packet_policy.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

constexpr uint32_t kFlowCapacity = 8;

// Class `four` must be recorded at every service, class `six` need not.
class FailClosed : public testing::Test {
 protected:
  FailClosed() {
    for (const char* service : {"any", "chat", "quiet", "strict"})
      steering_of(policy.message, service, "four").set_audit_fail_closed(true);
    policy.push();
  }

  // How many frames were forwarded to a backend.
  size_t send(const char* client, uint16_t port, uint8_t flags, uint16_t service_port = 80) {
    const Bytes frame =
        PacketBuilder().ipv4(client, "203.0.113.10").tcp(port, service_port, flags).frame();
    size_t forwarded = 0;
    for (const Sent& sent : core.send({frame}, policy.snapshot.get()))
      forwarded += sent.port == TestPolicy::kUplink ? 1 : 0;
    EXPECT_TRUE(core.is_balanced());
    return forwarded;
  }
  void fill_flow_table() {
    for (uint16_t port = 1; core.core->flows_v4.size() < core.core->flows_v4.capacity(); ++port)
      send("192.0.2.7", port, kTcpSyn);
    replied_before = core.core->counters.replied.read();
  }
  uint64_t refused() const { return core.core->counters.audit_refused.read(); }
  uint64_t replied() const { return core.core->counters.replied.read() - replied_before; }

  static constexpr const char* kMust = "198.51.100.7";
  static constexpr const char* kNeedNot = "192.0.2.7";
  TestPolicy policy{packet_test_table()};
  TestCore core{kFlowCapacity};
  uint64_t replied_before = 0;
};

TEST_F(FailClosed, AFullFlowTableRefusesNewFlowsAsTheServiceSays) {
  fill_flow_table();

  EXPECT_EQ(send(kMust, 1000, kTcpSyn), 0u);
  EXPECT_EQ(replied(), 1u) << "a reset";
  EXPECT_EQ(send(kMust, 1000, kTcpSyn, 82), 0u);
  EXPECT_EQ(core.dropped(DropReason::kAuditRefused), 1u) << "reject: drop";
  EXPECT_EQ(refused(), 2u);
  for (uint32_t id = 1; id <= policy.registry.target_count(); ++id) {
    if (policy.name(TargetId{id}).starts_with("four")) {
      EXPECT_EQ(core.core->target(id).packets.read(), 0u);
    }
  }
  EXPECT_EQ(send(kNeedNot, 50'000, kTcpSyn), 1u) << "unrecorded, which is counted";
}

TEST_F(FailClosed, AFullFlowTableRefusesPacketsOfFlowsThatNobodyKnows) {
  fill_flow_table();
  EXPECT_EQ(send(kMust, 1000, kTcpAck), 0u);
  EXPECT_EQ(refused(), 1u);
}

TEST_F(FailClosed, KnownFlowsGoOnWhateverIsFull) {
  EXPECT_EQ(send(kMust, 1000, kTcpSyn), 1u);
  fill_flow_table();
  policy.can_record = false;
  policy.republish();
  EXPECT_EQ(send(kMust, 1000, kTcpAck), 1u);
  EXPECT_EQ(refused(), 0u);
}

TEST_F(FailClosed, AFullEventBufferRefusesUntilThereIsRoom) {
  const auto fill = [&] {
    while (core.core->events.push(FlowEvent{}) != nullptr) {
    }
  };
  fill();
  EXPECT_EQ(send(kMust, 1000, kTcpSyn), 0u);
  EXPECT_EQ(core.core->flows_v4.size(), 0u);
  fill();
  EXPECT_EQ(send(kNeedNot, 1000, kTcpSyn), 1u) << "its record is lost, which is counted";

  EXPECT_EQ(send(kMust, 1000, kTcpSyn), 1u) << "the events were taken meanwhile";
  EXPECT_EQ(refused(), 1u);
}

TEST_F(FailClosed, ANodeThatKeepsNoRecordsRefusesUntilItDoes) {
  policy.can_record = false;
  policy.republish();
  EXPECT_EQ(send(kMust, 1000, kTcpSyn), 0u);
  EXPECT_EQ(send(kNeedNot, 1000, kTcpSyn), 1u);

  policy.can_record = true;
  policy.republish();
  EXPECT_EQ(send(kMust, 1000, kTcpSyn), 1u);
}

TEST_F(FailClosed, AFlowThatMovesIsRefusedWhenItsNextPartCannotBeRecorded) {
  EXPECT_EQ(send(kMust, 1000, kTcpSyn), 1u);
  for (const char* backend : {"four-a", "four-b", "four-c"})
    policy.condition("four", backend).state = BackendState::kDown;
  policy.can_record = false;
  policy.republish();

  EXPECT_EQ(send(kMust, 1000, kTcpAck), 0u);
  EXPECT_EQ(core.core->flows_v4.size(), 0u);
  EXPECT_EQ(refused(), 1u);
}

}  // namespace
}  // namespace sluice::dataplane

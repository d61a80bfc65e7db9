// SPDX-License-Identifier: Apache-2.0
//
// Flows of a route that leaves pools which answer late: whose first responses are timed.
#include <gtest/gtest.h>

#include "dataplane/flow/tcp_state.h"
#include "tests/support/packet_policy.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

constexpr uint64_t kMsNs = 1'000'000;
constexpr const char* kService = "203.0.113.10";
constexpr const char* kClient = "198.51.100.7";
constexpr const char* kOthersClient = "192.0.2.7";  // of pool `six`
constexpr uint8_t kAckPush = kTcpAck | 0x08;

struct Step {
  uint8_t flags = kTcpAck;
  uint32_t sent = 0;
  uint32_t received = 0;
  uint32_t payload = 0;
};

Bytes syn(uint16_t port, const char* client = kClient) {
  return PacketBuilder().ipv4(client, kService).tcp(port, 80, kTcpSyn).sequence(1000, 0).frame();
}
Bytes packet(uint16_t port, const Step& step) {
  return PacketBuilder()
      .ipv4(kClient, kService)
      .tcp(port, 80, step.flags)
      .sequence(1001 + step.sent, 5000 + step.received)
      .payload_bytes(step.payload)
      .frame();
}
Bytes request(uint16_t port) {
  return packet(port, {.flags = kAckPush, .payload = 300});
}
Bytes answered(uint16_t port) {
  return packet(port, {.sent = 300, .received = 1400});
}

v1::ForwardingTable table_that_judges_responses() {
  v1::ForwardingTable table = packet_test_table();
  for (v1::RouteEntry& route : *table.mutable_routes()) {
    if (route.name() != "chat-four") continue;
    v1::OnDegraded& bound = *route.mutable_on_degraded();
    bound.set_action(v1::OnDegraded::ACTION_FALLBACK);
    bound.mutable_window()->set_seconds(10);
    bound.set_min_flows(50);
    bound.set_response_slower_by(100);
  }
  return table;
}

class Responses : public testing::Test {
 protected:
  void send(const std::vector<Bytes>& frames) {
    const size_t sent = core.send(frames, policy.snapshot.get()).size();
    EXPECT_EQ(sent, frames.size());
    EXPECT_TRUE(core.is_balanced());
  }
  void pass_ms(uint64_t ms) { core.pass(ms * kMsNs); }
  uint32_t observed() const { return core.core->observed.size(); }
  uint64_t sum(Counter ResponseCounters::*counter) const {
    uint64_t total = 0;
    for (uint32_t id = 1; id <= policy.registry.target_count(); ++id)
      total += (core.core->responses[id].*counter).read();
    return total;
  }
  uint64_t count() const { return sum(&ResponseCounters::count); }
  uint64_t us() const { return sum(&ResponseCounters::us); }

  TestPolicy policy{table_that_judges_responses()};
  TestCore core;
};

TEST_F(Responses, AreTimedFromTheRequestToTheirFirstProgressAndThenTheFlowGoesOnAsAnyOther) {
  send({syn(1000)});
  pass_ms(20);
  send({packet(1000, {}), request(1000)});
  pass_ms(150);
  EXPECT_EQ(count(), 0u);
  send({answered(1000)});

  EXPECT_EQ(count(), 1u);
  EXPECT_EQ(us(), 150'000u);
  EXPECT_EQ(observed(), 0u);
  EXPECT_EQ(core.core->sampled_flows, 0u);
  pass_ms(50);
  send({packet(1000, {.flags = kAckPush, .sent = 300, .received = 1400, .payload = 10})});
  pass_ms(900);
  send({packet(1000, {.sent = 310, .received = 2000})});
  EXPECT_EQ(count(), 1u) << "the first one alone";
  EXPECT_TRUE(core.core->observations.events().empty()) << "no rollout wants to know";
}

TEST_F(Responses, ThatDoNotComeCountAsLongAsTheyWereWaitedFor) {
  send({syn(1000)});
  pass_ms(20);
  send({packet(1000, {}), request(1000)});
  pass_ms(9900);
  EXPECT_EQ(count(), 0u);
  pass_ms(100);

  EXPECT_EQ(count(), 1u);
  EXPECT_GE(us(), 9'980'000u) << "a window after the SYN";
  EXPECT_LT(us(), 10'020'000u);
  EXPECT_EQ(observed(), 0u);
}

TEST_F(Responses, ThatTheClientGivesUpCountAsLongAsItWaited) {
  send({syn(1000)});
  send({packet(1000, {}), request(1000)});
  pass_ms(5000);
  send({packet(1000, {.flags = kTcpRst | kTcpAck, .sent = 300})});

  EXPECT_EQ(count(), 1u);
  EXPECT_EQ(us(), 5'000'000u);
}

TEST_F(Responses, OfAClientThatAsksForNothingAreNotWaitedForLong) {
  send({syn(1000)});
  send({packet(1000, {})});
  EXPECT_EQ(observed(), 1u);
  pass_ms(2900);
  EXPECT_EQ(observed(), 1u);
  pass_ms(200);

  EXPECT_EQ(observed(), 0u) << "connections without a request would fill the sample";
  EXPECT_EQ(core.core->sampled_flows, 0u);
  EXPECT_EQ(count(), 0u);
}

TEST_F(Responses, OfRoutesThatDoNotAskAreNotTimed) {
  send({syn(1000, kOthersClient)});
  EXPECT_EQ(observed(), 0u);
}

TEST_F(Responses, OfAFallbackAreNotTimed) {
  for (const char* backend : {"four-a", "four-b", "four-c"})
    policy.condition("four", backend).state = BackendState::kDown;
  policy.republish();
  send({syn(1000)});

  EXPECT_EQ(observed(), 0u) << "it is judged by the routes that split over it";
}

TEST_F(Responses, AreTimedOfABoundedNumberOfFlows) {
  core.core->sampled_flows = kSampledFlowsMax;
  send({syn(1000)});

  EXPECT_EQ(observed(), 0u);
  EXPECT_EQ(core.core->counters.observations_missed.read(), 0u) << "a sample misses nothing";
  core.core->sampled_flows = kSampledFlowsMax - 1;
  send({syn(1001), syn(1002)});
  EXPECT_EQ(observed(), 1u);
}

// A rollout judges flows at 3 s, the route within 10 s.
class ResponsesDuringARollout : public Responses {
 protected:
  static constexpr uint16_t kFlows = 40;

  ResponsesDuringARollout() {
    v1::ForwardingTable table = table_that_judges_responses();
    add_rollout(table, "chat-four", "four", "spare");
    policy.message = table;
    policy.push();
  }
  void open_and_ask() {
    for (uint16_t port = 1000; port < 1000 + kFlows; ++port) {
      send({syn(port)});
      send({packet(port, {}), request(port)});
    }
  }
  void answer() {
    for (uint16_t port = 1000; port < 1000 + kFlows; ++port)
      send({answered(port)});
  }
  uint64_t observed_of_stable() const {
    uint64_t stable = 0;
    for (const ObservationEvent& event : core.core->observations.events())
      stable += event.is_candidate ? 0 : 1;
    return stable;
  }
};

TEST_F(ResponsesDuringARollout, OfItsStablePoolAreTimedToo) {
  open_and_ask();
  pass_ms(100);
  answer();
  pass_ms(3100);

  EXPECT_EQ(core.core->observations.events().size(), kFlows) << "the rollout gets all of its own";
  EXPECT_GT(observed_of_stable(), 0u);
  EXPECT_LT(observed_of_stable(), kFlows);
  EXPECT_EQ(count(), observed_of_stable()) << "a candidate is no pool of the split";
}

TEST_F(ResponsesDuringARollout, ThatComeAfterItsAgeCountWithTheirOwnTime) {
  open_and_ask();
  pass_ms(3100);
  const uint64_t stable = observed_of_stable();
  EXPECT_EQ(core.core->observations.events().size(), kFlows);
  EXPECT_EQ(count(), 0u);
  EXPECT_EQ(core.core->sampled_flows, stable);
  pass_ms(1900);
  answer();

  EXPECT_EQ(count(), stable);
  EXPECT_GE(us(), stable * 5'000'000);
  EXPECT_LT(us(), stable * 5'050'000);
  EXPECT_EQ(observed(), 0u);
  EXPECT_EQ(core.core->sampled_flows, 0u);
  EXPECT_EQ(core.core->observations.events().size(), kFlows) << "each is judged once";
}

TEST_F(ResponsesDuringARollout, AreOfTheSampleOrNotWhetherTheyComeSoonOrLate) {
  core.core->sampled_flows = kSampledFlowsMax;
  open_and_ask();
  pass_ms(100);
  answer();
  pass_ms(3000);

  EXPECT_EQ(core.core->observations.events().size(), kFlows) << "a rollout needs no place in it";
  EXPECT_EQ(count(), 0u);
  EXPECT_EQ(observed(), 0u);
  EXPECT_EQ(core.core->sampled_flows, kSampledFlowsMax);
}

}  // namespace
}  // namespace sluice::dataplane

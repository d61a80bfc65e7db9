// SPDX-License-Identifier: Apache-2.0
//
// A whole runtime on a port made of two rings.
#include "dataplane/runtime/runtime.h"

#include <gtest/gtest.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include <set>
#include <string>
#include <thread>

#include "dataplane/flow/tcp_state.h"
#include "tests/support/packet_policy.h"
#include "tests/support/packet_pool.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

template <class Done>
bool eventually(Done&& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

// An ethdev whose wire is two rings.
class RingPort {
 public:
  RingPort() {
    PacketPool::instance();
    in = rte_ring_create("in", 256, SOCKET_ID_ANY, 0);
    out = rte_ring_create("out", 256, SOCKET_ID_ANY, 0);
    static int count = 0;  // a device's name stays taken
    const std::string name = "wire" + std::to_string(count++);
    const int made = rte_eth_from_rings(name.c_str(), &in, 1, &out, 1, SOCKET_ID_ANY);
    if (made < 0) std::abort();
    id = static_cast<uint16_t>(made);
    const rte_eth_conf conf{};
    if (rte_eth_dev_configure(id, 1, 1, &conf) != 0) std::abort();
    if (rte_eth_rx_queue_setup(id, 0, 64, SOCKET_ID_ANY, nullptr,
                               PacketPool::instance().mempool()) != 0)
      std::abort();
    if (rte_eth_tx_queue_setup(id, 0, 64, SOCKET_ID_ANY, nullptr) != 0) std::abort();
    if (rte_eth_dev_start(id) != 0) std::abort();
  }
  ~RingPort() {
    rte_eth_dev_stop(id);
    rte_eth_dev_close(id);
    rte_ring_free(in);
    rte_ring_free(out);
  }
  RingPort(const RingPort&) = delete;
  RingPort& operator=(const RingPort&) = delete;

  void send(const Bytes& frame) const {
    rte_ring_enqueue(in, PacketPool::instance().make(frame, id));
  }
  size_t received() const { return rte_ring_count(out); }
  void drain() const {
    for (void* mbuf = nullptr; rte_ring_dequeue(out, &mbuf) == 0;)
      rte_pktmbuf_free(static_cast<rte_mbuf*>(mbuf));
  }

  rte_ring* in = nullptr;
  rte_ring* out = nullptr;
  uint16_t id = 0;
};

Bytes syn(uint16_t port) {
  return PacketBuilder().ipv4("198.51.100.7", "203.0.113.10").tcp(port, 80, kTcpSyn).frame();
}

TEST(Runtime, ForwardsListsRecordsAndStops) {
  RingPort port;
  TestPolicy policy(packet_test_table());
  for (const char* backend : {"four-a", "four-b", "four-c"})
    policy.condition("four", backend).next_hop.port = static_cast<uint8_t>(port.id);
  policy.republish();
  RuntimeConfig config{.ports = {{.id = port.id, .queues = 1, .single_segment_tx = true}},
                       .flow_capacity = 1024};
  auto started = Runtime::start(config);
  ASSERT_TRUE(started.ok()) << started.status();
  Runtime& runtime = **started;

  // Without a table nothing is forwarded.
  port.send(syn(1));
  ASSERT_TRUE(eventually([&] {
    return runtime.counters()[0].dropped[static_cast<size_t>(DropReason::kNoTable)] == 1;
  }));

  ASSERT_TRUE(runtime.publish(std::move(policy.snapshot)).ok());
  for (uint16_t i = 0; i < 100; ++i)
    port.send(syn(static_cast<uint16_t>(1000 + i)));
  ASSERT_TRUE(eventually([&] { return port.received() == 100; }));
  port.drain();

  // Pages of a listing hold every flow once.
  std::set<uint64_t> listed;
  uint64_t cursor = 0;
  do {
    const auto page = runtime.list_flows(cursor, 30);
    ASSERT_TRUE(page.ok()) << page.status();
    EXPECT_LE(page->flows.size(), 30u);
    for (const FlowEvent& flow : page->flows)
      EXPECT_TRUE(listed.insert(flow.flow_id).second);
    cursor = page->next_cursor;
  } while (cursor != 0);
  EXPECT_EQ(listed.size(), 100u);

  runtime.stop();

  std::vector<FlowEvent> events(300);
  ASSERT_EQ(runtime.take_events(events), 200u);
  EXPECT_TRUE(runtime.events_drained());
  EXPECT_EQ(events[0].end_reason, EndReason::kNone);
  EXPECT_EQ(events[199].end_reason, EndReason::kShutdown);
  EXPECT_EQ(events[199].counts.packets, 1u);
  uint64_t packets = 0;
  for (const TargetCounterValues& target : runtime.target_counters(policy.registry.target_count()))
    packets += target.packets;
  EXPECT_EQ(packets, 100u);
  EXPECT_EQ(runtime.counters()[0].forwarded, 100u);
  EXPECT_EQ(runtime.counters()[0].flows, 0u);
  EXPECT_EQ(runtime.list_flows(0, 1).status().code(), absl::StatusCode::kUnavailable);
}

TEST(Runtime, HandsObservationsOver) {
  RingPort port;
  v1::ForwardingTable table = packet_test_table();
  add_rollout(table, "chat-four", "four", "spare").set_observe_age_ms(50);
  TestPolicy policy(table);
  auto started = Runtime::start(
      {.ports = {{.id = port.id, .queues = 1, .single_segment_tx = true}}, .flow_capacity = 1024});
  ASSERT_TRUE(started.ok()) << started.status();
  Runtime& runtime = **started;
  ASSERT_TRUE(runtime.publish(std::move(policy.snapshot)).ok());

  for (uint16_t i = 0; i < 100; ++i)
    port.send(syn(static_cast<uint16_t>(1000 + i)));

  std::vector<ObservationEvent> observations(200);
  size_t taken = 0;
  ASSERT_TRUE(eventually([&] {
    return (taken += runtime.take_observations(std::span(observations).subspan(taken))) >= 100;
  }));
  EXPECT_EQ(taken, 100u);
  for (size_t i = 0; i < taken; ++i)
    EXPECT_EQ(observations[i].age_ms, 50u);
  EXPECT_EQ(runtime.counters()[0].observations_missed, 0u);
}

TEST(Runtime, CutsSilentFlowsAfterARecallAndResetsWhatTheirClientsStillSend) {
  RingPort port;
  TestPolicy policy(packet_test_table());
  for (const char* backend : {"four-a", "four-b", "four-c"})
    policy.condition("four", backend).next_hop.port = static_cast<uint8_t>(port.id);
  policy.republish();
  auto started = Runtime::start(
      {.ports = {{.id = port.id, .queues = 1, .single_segment_tx = true}}, .flow_capacity = 1024});
  ASSERT_TRUE(started.ok()) << started.status();
  Runtime& runtime = **started;
  ASSERT_TRUE(runtime.publish(std::move(policy.snapshot)).ok());
  for (uint16_t i = 0; i < 100; ++i)
    port.send(syn(static_cast<uint16_t>(1000 + i)));
  ASSERT_TRUE(eventually([&] { return port.received() == 100; }));
  port.drain();

  for (const char* backend : {"four-a", "four-b", "four-c"})
    policy.condition("four", backend).state = BackendState::kRecalled;
  policy.recall = 1;
  policy.republish();
  const auto command = std::chrono::steady_clock::now();
  ASSERT_TRUE(runtime.publish(std::move(policy.snapshot)).ok());

  ASSERT_TRUE(eventually([&] { return runtime.counters()[0].swept_recall == 1; }));
  EXPECT_LT(std::chrono::steady_clock::now() - command, std::chrono::seconds(1));
  ASSERT_TRUE(eventually([&] { return runtime.counters()[0].flows == 0; }));
  EXPECT_EQ(runtime.counters()[0].flows_ended, 100u);
  uint64_t recalled = 0;
  for (const TargetCounterValues& target : runtime.target_counters(policy.registry.target_count()))
    recalled += target.flows_recalled;
  EXPECT_EQ(recalled, 100u);
  port.send(PacketBuilder().ipv4("198.51.100.7", "203.0.113.10").tcp(1007, 80, kTcpAck).frame());
  ASSERT_TRUE(eventually([&] { return port.received() == 2; })) << "a reset to either side";
  port.drain();
  EXPECT_EQ(runtime.counters()[0].replied, 1u);
  const auto listed = runtime.list_flows(0, 10);
  ASSERT_TRUE(listed.ok()) << listed.status();
  EXPECT_TRUE(listed->flows.empty());

  runtime.stop();
  std::vector<FlowEvent> events(300);
  ASSERT_EQ(runtime.take_events(events), 200u);
  EXPECT_EQ(events[199].end_reason, EndReason::kRecalled);
}

TEST(Runtime, RefusesFewerQueuesThanWorkers) {
  PacketPool::instance();

  const auto refused = Runtime::start({.ports = {{.id = 0, .queues = 0}}});

  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
}

}  // namespace
}  // namespace sluice::dataplane

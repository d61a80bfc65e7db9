// SPDX-License-Identifier: Apache-2.0
//
// A worker without a port.
#include "tests/bench/bench_node.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "dataplane/net/flow_key.h"
#include "dataplane/runtime/lcore_turn.h"

namespace sluice::dataplane {

namespace {

constexpr int kBackends = 100;
constexpr uint32_t kSlots = 65537;
constexpr uint32_t kRingCapacity = 1u << 17;  // as Runtime has it

std::string address(const std::string& text) {
  return IpAddress::parse(text)->to_bytes();
}

// Hands out the block burst by burst, takes everything that is sent, and stops the loop at the end.
struct BlockDevice {
  std::span<rte_mbuf*> block;
  std::atomic<bool>& stop;

  uint16_t receive(const RuntimePort&, rte_mbuf** mbufs, uint16_t count) noexcept {
    const size_t taken = std::min<size_t>(count, block.size());
    std::copy_n(block.begin(), taken, mbufs);
    block = block.subspan(taken);
    if (block.empty()) stop.store(true, std::memory_order_relaxed);
    return static_cast<uint16_t>(taken);
  }
  uint16_t send(const RuntimePort&, rte_mbuf**, uint16_t count) const noexcept { return count; }
};

}  // namespace

v1::ForwardingTable bench_table(v1::Forwarding forwarding, Family outer) {
  v1::ForwardingTable table;
  table.set_generation(1);
  table.set_revision(1);
  table.set_steering_key("0123456789abcdef");
  table.set_eligibility_epoch(1);
  table.add_client_classes()->set_name("unknown");

  v1::PoolEntry& pool = *table.add_pools();
  pool.set_name("bench");
  pool.set_forwarding(forwarding);
  pool.set_table_slots(kSlots);
  pool.set_min_up(1);
  for (int i = 0; i < kBackends; ++i) {
    v1::BackendEntry& backend = *pool.add_backends();
    std::string name = std::to_string(1000 + i);  // sorted by name
    backend.set_address(address(outer == Family::kIpv4 ? "10.77.2." + std::to_string(i + 1)
                                                       : "fd77:2::" + std::to_string(i + 1)));
    backend.set_name(std::move(name));
    backend.set_weight(1);
  }

  v1::ServiceEntry& service = *table.add_services();
  service.set_name("bench");
  service.set_affinity(v1::AFFINITY_FLOW);
  service.set_reject(v1::REJECT_RESET);
  service.add_addresses(address("203.0.113.10"));
  service.add_addresses(address("2001:db8:f::10"));
  v1::ServicePort& port = *service.add_ports();
  port.set_protocol(kProtocolTcp);
  port.set_port(80);

  v1::RouteEntry& route = *table.add_routes();
  route.set_name("bench");
  route.set_service("bench");
  route.set_split_seed("bench");
  v1::RouteSplit& split = *route.add_split();
  split.set_pool("bench");
  split.set_weight(1);

  v1::SteeringEntry& steering = *table.add_steering();
  steering.set_service("bench");
  steering.set_client_class("unknown");
  steering.set_route("bench");
  steering.add_eligible_pools("bench");
  return table;
}

BenchNode::BenchNode(const v1::ForwardingTable& table, uint32_t flow_capacity, uint16_t workers)
    : policy_(table), publisher_(std::vector<uint32_t>(workers, 1)) {
  for (uint16_t index = 0; index < workers; ++index) {
    auto worker = std::make_unique<Worker>();
    worker->index = index;
    worker->ports = {RuntimePort{.id = TestPolicy::kUplink}};
    worker->publisher = &publisher_;
    worker->core = CoreContext::create({.lcore = static_cast<uint8_t>(index + 1),
                                        .ports = 1u << TestPolicy::kUplink,
                                        .flow_capacity = flow_capacity,
                                        .flow_key = {0x0123'4567'89ab'cdef, 0xfedc'ba98'7654'3210},
                                        .timeouts = {}});
    if (worker->core == nullptr || !worker->ring.allocate(kRingCapacity)) {
      std::fputs("bench: no memory for flows\n", stderr);
      std::exit(1);
    }
    workers_.push_back(std::move(worker));
  }
  if (!publisher_.publish(std::move(policy_.snapshot), std::chrono::seconds(1)).ok()) std::abort();
}

void BenchNode::forward(std::span<rte_mbuf*> block, uint16_t worker) noexcept {
  Worker& taker = *workers_[worker];
  BlockDevice device{block, taker.stop};
  taker.stop.store(false, std::memory_order_relaxed);
  forward_until_stopped(taker, device);
}

uint64_t BenchNode::take_records() {
  std::array<FlowEvent, 1024> events;
  uint64_t taken = 0;
  for (const std::unique_ptr<Worker>& worker : workers_) {
    while (const size_t count = worker->ring.pop(events))
      taken += count;
  }
  return taken;
}

void BenchNode::forget_flows() {
  for (const std::unique_ptr<Worker>& worker : workers_) {
    CoreContext& core = *worker->core;
    for (bool all_ended = false; !all_ended;) {
      all_ended = end_some_flows(EndReason::kShutdown, core);
      core.events.remove_first(core.events.events().size());
    }
  }
}

uint64_t BenchNode::forwarded(uint16_t worker) const {
  return workers_[worker]->core->counters.forwarded.read();
}

uint64_t BenchNode::flows(uint16_t worker) const {
  return workers_[worker]->core->counters.flows.read();
}

uint64_t BenchNode::strayed(uint16_t worker) const {
  const LcoreCounters& counters = workers_[worker]->core->counters;
  uint64_t sum = counters.replied.read() + counters.records_lost.read();
  for (const Counter& counter : counters.dropped)
    sum += counter.read();
  return sum;
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// A node for tests.
#include "tests/support/test_node.h"

#include <cstdio>
#include <cstdlib>

#include "dataplane/pipeline/end_turn.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/pipeline/sweep_recalled.h"
#include "dataplane/table/from_proto.h"
#include "tests/support/packet_pool.h"

namespace sluice::dataplane {

namespace {

BackendCondition reachable(const IpAddress& backend) {
  const char* const source = backend.is_ipv4() ? "10.77.1.2" : "fd77:1::2";
  return {.state = BackendState::kUp,
          .next_hop = {.resolved = true,
                       .port = TestPolicy::kUplink,
                       .mtu = 1500,
                       .destination_mac = TestPolicy::kNextHopMac,
                       .source_mac = TestPolicy::kNodeMac,
                       .source = *IpAddress::parse(source)}};
}

}  // namespace

TestPolicy::TestPolicy(v1::ForwardingTable first) : message(std::move(first)) {
  push();
}

void TestPolicy::push() {
  if (table != nullptr) message.set_generation(message.generation() + 1);
  absl::StatusOr<BuiltTable> built = build_table(message, table.get(), registry);
  if (!built.ok()) {
    std::fprintf(stderr, "%s\n", built.status().ToString().c_str());
    std::abort();
  }
  table = std::move(built->table);
  for (const Pool& pool : table->pools) {
    for (const PoolMember& member : pool.members) {
      conditions_.try_emplace({pool.name, member.name}, reachable(member.address));
    }
  }
  republish();
}

void TestPolicy::republish() {
  std::vector<BackendCondition> by_index(table->backend_capacity);
  for (const Pool& pool : table->pools) {
    for (const PoolMember& member : pool.members) {
      by_index[member.id.index()] = conditions_.at({pool.name, member.name});
    }
  }
  snapshot = make_snapshot(table, ++view, by_index, now_unix_ms,
                           {.can_record = can_record, .recall = recall});
}

BackendCondition& TestPolicy::condition(std::string_view pool, std::string_view backend) {
  return conditions_.at({std::string(pool), std::string(backend)});
}

std::string TestPolicy::name(BackendId id) const {
  for (const Pool& pool : table->pools) {
    for (const PoolMember& member : pool.members) {
      if (member.id == id) return pool.name + "/" + member.name;
    }
  }
  return "none";
}

std::string TestPolicy::name(TargetId id) const {
  const auto names = registry.names(id);
  return names ? names->backend.pool + "/" + names->backend.name : "none";
}

TestCore::TestCore(uint32_t flow_capacity, uint8_t lcore) {
  PacketPool::instance();
  core = CoreContext::create({.lcore = lcore,
                              .ports = 0b11,
                              .flow_capacity = flow_capacity,
                              .flow_key = {0x1111, 0x2222},
                              .timeouts = {}});
  core->now_ns = kStartNs;
}

TestCore::~TestCore() = default;

std::vector<Sent> TestCore::send(const std::vector<Bytes>& frames, const Snapshot* snapshot) {
  std::vector<rte_mbuf*> mbufs;
  for (const Bytes& frame : frames)
    mbufs.push_back(PacketPool::instance().make(frame, kIngress));
  return send_mbufs(std::move(mbufs), snapshot);
}

std::vector<Sent> TestCore::send_mbufs(std::vector<rte_mbuf*> mbufs, const Snapshot* snapshot) {
  run_pipeline(mbufs, snapshot, *core);

  std::vector<Sent> sent;
  for (uint16_t port = 0; port < kPortsMax; ++port) {
    TxBatch& batch = core->tx[port];
    const uint16_t accepted = std::min(port_accepts, batch.count);
    for (uint16_t i = 0; i < accepted; ++i)
      sent.push_back({port, PacketPool::bytes(batch.mbufs[i])});
    for (uint16_t i = 0; i < accepted; ++i)
      rte_pktmbuf_free(batch.mbufs[i]);
    settle(batch, accepted, *core);
  }
  finish_burst(*core);
  take_events();
  return sent;
}

void TestCore::pass(uint64_t time_ns, uint64_t turn_ns, const Snapshot* snapshot) {
  for (const uint64_t end = core->now_ns + time_ns; core->now_ns < end;) {
    core->now_ns = std::min(core->now_ns + turn_ns, end);
    if (snapshot != nullptr) sweep_recalled(*snapshot, *core);
    end_turn(*core);
    take_events();
  }
}

void TestCore::take_events() {
  const auto waiting = core->events.events();
  events.insert(events.end(), waiting.begin(), waiting.end());
  core->events.remove_first(waiting.size());
}

uint64_t TestCore::dropped(DropReason reason) const {
  return core->counters.dropped[static_cast<size_t>(reason)].read();
}

uint64_t TestCore::dropped_total() const {
  uint64_t sum = 0;
  for (const Counter& counter : core->counters.dropped)
    sum += counter.read();
  return sum;
}

bool TestCore::is_balanced() const {
  const LcoreCounters& counters = core->counters;
  return counters.rx.read() + counters.handed_in.read() ==
         counters.forwarded.read() + counters.punted.read() + counters.replied.read() +
             counters.handed_out.read() + counters.held.read() + dropped_total();
}

}  // namespace sluice::dataplane

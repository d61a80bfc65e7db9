// SPDX-License-Identifier: Apache-2.0
//
// Several virtual lcores in one thread: a seeded scheduler interleaves traffic, publications and
// time, and the books are checked after every step. SLUICE_SEED replays one seed.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/pipeline/end_turn.h"
#include "tests/support/packet_policy.h"
#include "tests/support/packet_pool.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

constexpr size_t kCores = 3;
constexpr int kSteps = 600;
constexpr uint32_t kFlowCapacity = 200;  // of each core; the clients have more flows than fit
constexpr uint16_t kClientPorts = 40;
constexpr const char* kClients[] = {"198.51.100.7", "192.0.2.7",     "198.18.3.7",   "198.18.4.7",
                                    "10.1.2.3",     "2001:db8:1::7", "2001:db8:2::7"};

// What the records say so far.
struct Books {
  std::map<uint32_t, uint64_t> packets, bytes, begun, ended;  // by target
  std::map<uint64_t, FlowEvent> open;  // by flow id: the start of the part that goes on
};

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : random_(seed) {
    for (v1::SteeringEntry& row : *policy_.message.mutable_steering())
      row.set_audit_fail_closed(row.client_class() == "direct");
    policy_.push();
    for (size_t i = 0; i < kCores; ++i) {
      cores_.push_back(std::make_unique<TestCore>(kFlowCapacity, static_cast<uint8_t>(i + 1)));
      snapshots_.push_back(std::shared_ptr<const Snapshot>(std::move(policy_.snapshot)));
      policy_.republish();
    }
    newest_ = std::move(policy_.snapshot);
  }

  void step() {
    switch (below(14)) {
      case 0:
        change_state();
        break;
      case 1:
        change_weight();
        break;
      case 2:
        change_eligibility();
        break;
      case 3:
        pass_time();
        break;
      case 4:
        change_rollout();
        break;
      case 5:
        change_recording();
        break;
      default:
        turn();
        break;
    }
  }

  void check() {
    for (size_t i = 0; i < kCores; ++i) {
      ASSERT_TRUE(cores_[i]->is_balanced()) << "core " << i;
      const LcoreCounters& counters = cores_[i]->core->counters;
      const uint64_t flows =
          uint64_t{cores_[i]->core->flows_v4.size()} + cores_[i]->core->flows_v6.size();
      ASSERT_EQ(counters.flows_opened.read() - counters.flows_ended.read(),
                flows - cores_[i]->core->cut_entries);
      ASSERT_EQ(counters.records_lost.read(), 0u);
    }
    ASSERT_EQ(PacketPool::instance().in_use(), 0u);
    ASSERT_NO_FATAL_FAILURE(check_targets());
  }

  void shut_down() {
    for (const auto& core : cores_) {
      while (!end_some_flows(EndReason::kShutdown, *core->core))
        core->take_events();
      core->take_events();
      record(*core);
    }
    ASSERT_TRUE(books_.open.empty());
  }

 private:
  size_t below(size_t limit) { return random_() % limit; }
  template <class T, size_t N>
  const T& one_of(const T (&choices)[N]) {
    return choices[below(N)];
  }

  void publish() {
    policy_.republish();
    newest_ = std::move(policy_.snapshot);  // lcores that have not come round keep the old one
  }
  void change_state() {
    constexpr const char* kBackends[] = {"four-a",   "four-b",  "four-c", "six-a",
                                         "direct-a", "spare-a", "empty-a"};
    constexpr BackendState kStates[] = {BackendState::kUp, BackendState::kUp,
                                        BackendState::kDraining, BackendState::kDown,
                                        BackendState::kRecalled};
    const std::string backend = one_of(kBackends);
    const BackendState state = one_of(kStates);
    policy_.condition(backend.substr(0, backend.find('-')), backend).state = state;
    if (state == BackendState::kRecalled) ++policy_.recall;
    publish();
  }
  void change_weight() {
    auto& backends = *pool_of(policy_.message, "four").mutable_backends();
    backends.at(static_cast<int>(below(3))).set_weight(static_cast<uint32_t>(1 + below(5)));
    policy_.push();
    publish();
  }
  // The class `four` may use pool `four`, or `six` instead.
  void change_eligibility() {
    if (below(4) != 0) return;
    v1::SteeringEntry& steering = steering_of(policy_.message, "chat", "four");
    const bool to_four = steering.route() != "chat-four";
    steering.set_route(to_four ? "chat-four" : "chat-six");
    steering.clear_eligible_pools();
    if (to_four) {
      steering.add_eligible_pools("four");
      steering.add_eligible_pools("spare");
    } else {
      steering.add_eligible_pools("six");
    }
    policy_.message.set_eligibility_epoch(policy_.message.eligibility_epoch() + 1);
    policy_.push();
    publish();
  }
  // A step of a rollout that gives clients of pool `four` to `spare`, or its end.
  void change_rollout() {
    for (v1::RouteEntry& route : *policy_.message.mutable_routes()) {
      if (route.name() != "chat-four") continue;
      route.clear_rollouts();
      route.clear_evicted();
      if (below(4) == 0) {
        route.add_evicted("spare");
        policy_.message.set_eligibility_epoch(policy_.message.eligibility_epoch() + 1);
        continue;
      }
      v1::RolloutSplit& rollout = *route.add_rollouts();
      rollout.set_stable("four");
      rollout.set_candidate("spare");
      rollout.set_weight(static_cast<uint32_t>(below(1'000'001)));
      rollout.set_seed("to-spare");
    }
    policy_.push();
    publish();
  }
  // The disk fills up, or is read.
  void change_recording() {
    policy_.can_record = below(2) == 0;
    publish();
  }
  void pass_time() {
    const uint64_t time_ns = 1'000'000'000 * (1 + below(15));
    for (size_t i = 0; i < kCores; ++i) {
      cores_[i]->pass(time_ns, 200'000'000, snapshots_[i].get());
      record(*cores_[i]);
    }
  }

  Bytes random_frame(size_t core) {
    constexpr uint8_t kFlags[] = {kTcpSyn,           kTcpAck, kTcpAck, kTcpAck,
                                  kTcpAck | kTcpFin, kTcpRst, 0};
    const char* const client = one_of(kClients);
    const bool is_v4 = std::string_view(client).find(':') == std::string_view::npos;
    // A flow always comes to the same lcore, as receive-side scaling has it.
    const auto port = static_cast<uint16_t>(1000 + core * kClientPorts + below(kClientPorts));
    PacketBuilder packet;
    packet.ipv4(client, is_v4 ? "203.0.113.10" : "2001:db8:f::10").payload_bytes(below(60));
    if (below(4) == 0) return packet.udp(port, 443).frame();
    return packet.tcp(port, 80, one_of(kFlags)).frame();
  }

  // One lcore's turn: the newest snapshot from here on, one burst, sometimes a port that takes only
  // a part.
  void turn() {
    const size_t index = below(kCores);
    TestCore& core = *cores_[index];
    snapshots_[index] = newest_;
    std::vector<Bytes> frames(1 + below(kBurstMax));
    for (Bytes& frame : frames)
      frame = random_frame(index);
    core.port_accepts = below(5) == 0 ? static_cast<uint16_t>(below(20)) : kBurstMax;
    core.core->now_ns += 50'000;
    core.send(frames, snapshots_[index].get());
    record(core);
  }

  // Parts begin once, end once, and go on at one target between.
  void record(TestCore& core) {
    for (const FlowEvent& event : core.events) {
      if (event.end_reason == EndReason::kNone) {
        ASSERT_TRUE(books_.open.emplace(event.flow_id, event).second) << "begun twice";
        ++books_.begun[event.target];
        continue;
      }
      const auto begun = books_.open.find(event.flow_id);
      ASSERT_NE(begun, books_.open.end()) << "ended without a beginning";
      ASSERT_EQ(begun->second.part, event.part);
      ASSERT_EQ(begun->second.target, event.target) << "a part has one target";
      books_.open.erase(begun);
      books_.packets[event.target] += event.counts.packets;
      books_.bytes[event.target] += event.counts.bytes;
      ++books_.ended[event.target];
    }
    core.events.clear();
  }

  template <Family F>
  void add_live(CoreContext& core, std::map<uint32_t, uint64_t>& packets,
                std::map<uint32_t, uint64_t>& bytes) {
    FlowTable<F>& flows = core.flows<F>();
    for (uint32_t position = 0; position < flows.positions_end(); ++position) {
      const FlowEntry<F>& entry = flows.at(position);
      if (entry.state == FlowState::kFree || entry.state == FlowState::kCut) continue;
      packets[entry.target] += entry.counts.packets;
      bytes[entry.target] += entry.counts.bytes;
      const auto open = books_.open.find(flows.detail(entry).flow_id);
      ASSERT_NE(open, books_.open.end());
      ASSERT_EQ(open->second.target, entry.target) << "a live flow left its backend without a word";
    }
  }

  // Ended parts, live ones and the unrecorded make up each target's counters; these make up what
  // was forwarded.
  void check_targets() {
    std::map<uint32_t, uint64_t> packets = books_.packets;
    std::map<uint32_t, uint64_t> bytes = books_.bytes;
    uint64_t forwarded = 0;
    for (const auto& core : cores_) {
      add_live<Family::kIpv4>(*core->core, packets, bytes);
      add_live<Family::kIpv6>(*core->core, packets, bytes);
      forwarded += core->core->counters.forwarded.read();
    }
    uint64_t counted = 0;
    for (uint32_t id = 1; id <= policy_.registry.target_count(); ++id) {
      uint64_t sum[6] = {};
      for (const auto& core : cores_) {
        const TargetCounters& line = core->core->target(id);
        sum[0] += line.packets.read();
        sum[1] += line.bytes.read();
        sum[2] += line.unrecorded_packets.read();
        sum[3] += line.unrecorded_bytes.read();
        sum[4] += line.flows_opened.read();
        sum[5] += line.flows_ended.read();
      }
      ASSERT_EQ(packets[id] + sum[2], sum[0]) << "target " << id;
      if (policy_.name(TargetId{id}) == "direct/direct-a") {
        ASSERT_EQ(sum[2], 0u) << "went unrecorded where that is refused";
      }
      ASSERT_EQ(bytes[id] + sum[3], sum[1]) << "target " << id;
      ASSERT_EQ(books_.begun[id], sum[4]) << "target " << id;
      ASSERT_EQ(books_.ended[id], sum[5]) << "target " << id;
      counted += sum[0];
    }
    ASSERT_EQ(counted, forwarded);
  }

  std::mt19937_64 random_;
  TestPolicy policy_{packet_test_table()};
  std::vector<std::unique_ptr<TestCore>> cores_;
  std::shared_ptr<const Snapshot> newest_;
  std::vector<std::shared_ptr<const Snapshot>> snapshots_;  // what each lcore holds
  Books books_;
};

void run(uint64_t seed) {
  SCOPED_TRACE("SLUICE_SEED=" + std::to_string(seed));
  Simulation simulation(seed);
  for (int step = 0; step < kSteps; ++step) {
    simulation.step();
    ASSERT_NO_FATAL_FAILURE(simulation.check()) << "step " << step;
    if (testing::Test::HasFatalFailure()) return;
  }
  ASSERT_NO_FATAL_FAILURE(simulation.shut_down());
  ASSERT_NO_FATAL_FAILURE(simulation.check());
}

TEST(Simulation, BooksBalanceAfterEveryStep) {
  if (const char* const seed = std::getenv("SLUICE_SEED"))
    return run(std::strtoull(seed, nullptr, 10));
  for (uint64_t seed = 1; seed <= 10; ++seed)
    ASSERT_NO_FATAL_FAILURE(run(seed));
}

}  // namespace
}  // namespace sluice::dataplane

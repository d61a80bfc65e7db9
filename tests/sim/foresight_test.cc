// SPDX-License-Identifier: Apache-2.0
//
// What plans foretell against what then happens: 240,000 clients with a live flow each, fifty
// random changes that each move more than one client in a hundred, within half a point. SLUICE_SEED
// replays one seed.
#include "dataplane/daemon/foresight.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>

#include "controlplane/planner/plan.h"
#include "controlplane/policy/validate.h"
#include "dataplane/flow/tcp_state.h"
#include "dataplane/pipeline/end_turn.h"
#include "tests/support/packet_pool.h"
#include "tests/support/test_node.h"

namespace sluice::testing {
namespace {

using controlplane::Plan;
using dataplane::Bytes;
using dataplane::FlowEvent;
using dataplane::PacketBuilder;
using dataplane::TestCore;
using dataplane::TestPolicy;

constexpr uint32_t kClients = 240'000;
constexpr int kChanges = 50;
constexpr double kMovedMin = 0.01, kToleranceMax = 0.005;
constexpr int kPools = 4, kBackends = 3;
constexpr uint16_t kLivePort = 2000, kProbePort = 3000;
constexpr size_t kBurst = 64;

std::string pool_name(uint64_t number) {
  return "pool-" + std::to_string(number);
}

v1::Backend backend(int pool, int number) {
  v1::Backend made;
  made.set_name("b" + std::to_string(number));
  made.set_address("10.9." + std::to_string(pool) + "." + std::to_string(1 + number));
  made.set_weight(10);
  return made;
}

v1::Policy first_policy() {
  v1::Policy policy;
  for (const char* region : {"eu", "us"}) {
    v1::ClientClass& clients = *policy.add_client_classes();
    clients.mutable_metadata()->set_name(region);
    (*clients.mutable_metadata()->mutable_labels())["region"] = region;
    clients.mutable_spec()->add_prefixes(region == std::string("eu") ? "20.0.0.0/8" : "21.0.0.0/8");
    v1::Route& route = *policy.add_routes();
    route.mutable_metadata()->set_name(region);
    route.mutable_spec()->set_service("chat");
    (*route.mutable_spec()->mutable_clients()->mutable_match_labels())["region"] = region;
    for (int i = 0; i < 2; ++i) {
      v1::SplitEntry& part = *route.mutable_spec()->add_split();
      part.set_pool(pool_name(static_cast<uint64_t>(2 * (policy.routes_size() - 1) + i)));
      part.set_weight(50);
    }
  }
  for (int i = 0; i < kPools; ++i) {
    v1::Pool& pool = *policy.add_pools();
    pool.mutable_metadata()->set_name(pool_name(static_cast<uint64_t>(i)));
    pool.mutable_spec()->set_table_slots(4093);
    for (int k = 0; k < kBackends; ++k)
      *pool.mutable_spec()->add_backends() = backend(i, k);
  }
  v1::Service& chat = *policy.add_services();
  chat.mutable_metadata()->set_name("chat");
  chat.mutable_spec()->add_addresses("203.0.113.10");
  chat.mutable_spec()->add_ports("tcp/80");
  chat.mutable_spec()->set_affinity(v1::AFFINITY_CLIENT);
  return policy;
}

struct Client {
  std::string address, region;
  std::string served_by;  // the address of the backend that its newest flow went to; empty: refused
};

// Of a forwarded frame: the tunnel's end, and the number of the client whose packet is inside.
struct Forwarded {
  std::string backend;
  uint32_t client;
};

std::optional<Forwarded> read(const Bytes& frame) {
  constexpr uint8_t kIpip = 4;
  const uint8_t* const outer = frame.data() + 14;
  if (outer[9] != kIpip) return std::nullopt;  // a reply to the client
  char text[INET_ADDRSTRLEN];
  const uint8_t* const client = outer + 20 + 12;
  return Forwarded{inet_ntop(AF_INET, outer + 16, text, sizeof text),
                   uint32_t{client[1]} << 16 | uint32_t{client[2]} << 8 | client[3]};
}

class World {
 public:
  explicit World(uint64_t seed) : random_(seed), policy_(first_policy()), clients_(kClients) {
    for (uint32_t i = 0; i < kClients; ++i) {
      const bool is_eu = i % 2 == 0;
      clients_[i].region = is_eu ? "eu" : "us";
      clients_[i].address = (is_eu ? "20." : "21.") + std::to_string(i >> 16) + "." +
                            std::to_string(i >> 8 & 255) + "." + std::to_string(i & 255);
    }
    const Plan plan = *plan_of(policy_);
    table_ = *plan.table;
    node_ = std::make_unique<TestPolicy>(table_);
    open_flows();
    probe();
  }

  // A random change that moves enough; what it foretells, and what happens.
  void change() {
    for (;;) {
      const v1::Policy next = edited();
      const auto plan = plan_of(next);
      if (!plan || most_moved(*plan) < kMovedMin) continue;
      policy_ = next;
      table_ = *plan->table;
      return compare(*plan);
    }
  }

 private:
  std::optional<Plan> plan_of(const v1::Policy& policy) {
    const controlplane::ClientSets clients = controlplane::client_sets(policy);
    const controlplane::SourceMap source;
    controlplane::Violations violations;
    controlplane::validate_policy(policy, clients, source, violations);
    if (!violations.empty()) return std::nullopt;
    controlplane::TableHeader header;
    header.generation = table_.generation() + 1;
    header.revision = table_.revision() + 1;
    header.eligibility_epoch = std::max<uint64_t>(1, table_.eligibility_epoch());
    header.steering_key = controlplane::test_steering_key();
    const controlplane::ObjectNames touched = controlplane::all_objects(policy);
    return controlplane::make_plan({policy_, table_}, {policy, clients, source, touched}, header);
  }

  static double most_moved(const Plan& plan) {
    double most = 0;
    for (const v1::MovedClients& moved : plan.moved)
      most = std::max(most, moved.moved() / 1e6);
    return most;
  }

  size_t below(size_t limit) { return random_() % limit; }

  v1::Policy edited() {
    v1::Policy next = policy_;
    v1::Route& route = *next.mutable_routes(static_cast<int>(below(2)));
    const int number = static_cast<int>(below(kPools));
    v1::Pool& pool = *next.mutable_pools(number);
    auto& backends = *pool.mutable_spec()->mutable_backends();
    switch (below(5)) {
      case 0:
        route.mutable_spec()->mutable_split(0)->set_weight(static_cast<uint32_t>(1 + below(100)));
        return next;
      case 1:
        route.mutable_spec()->mutable_split(1)->set_pool(pool_name(below(kPools)));
        return next;
      case 2:
        backends[static_cast<int>(below(static_cast<size_t>(backends.size())))].set_weight(
            static_cast<uint32_t>(1 + below(30)));
        return next;
      case 3:
        if (backends.size() > 1) backends.RemoveLast();
        return next;
      default:
        if (backends.size() < kBackends) *backends.Add() = backend(number, backends.size());
        return next;
    }
  }

  Bytes packet_of(const Client& client, uint16_t port, uint8_t flags) const {
    return PacketBuilder().ipv4(client.address, "203.0.113.10").tcp(port, 80, flags).frame();
  }

  // Sends one packet of every client. Returns the backend's address by client; empty: refused.
  std::vector<std::string> send_all(TestCore& core, uint16_t port, uint8_t flags) {
    std::vector<std::string> served_by(kClients);
    for (size_t begin = 0; begin < kClients; begin += kBurst) {
      std::vector<Bytes> frames;
      for (size_t i = begin; i < std::min<size_t>(begin + kBurst, kClients); ++i)
        frames.push_back(packet_of(clients_[i], port, flags));
      for (const dataplane::Sent& sent : core.send(frames, node_->snapshot.get())) {
        if (const auto packet = read(sent.frame)) served_by[packet->client] = packet->backend;
      }
      core.core->now_ns += 100'000'000;  // replies are limited per second
    }
    return served_by;
  }

  // Forgets every flow of the core, and what was recorded of them.
  static void clear(TestCore& core) {
    while (!dataplane::end_some_flows(dataplane::EndReason::kShutdown, *core.core))
      core.take_events();
    core.take_events();
    core.events.clear();
  }

  void open_flows() {
    clear(live_);
    send_all(live_, kLivePort, dataplane::kTcpSyn);
    flows_.clear();
    for (const FlowEvent& event : live_.events)
      flows_.push_back(event);
    live_.events.clear();
    ASSERT_EQ(flows_.size(), kClients);
  }

  // Where a new flow of each client goes. Returns the part of each region's that goes elsewhere.
  std::map<std::string, double> probe() {
    clear(probed_);
    std::map<std::string, double> moved;
    const std::vector<std::string> served_by = send_all(probed_, kProbePort, dataplane::kTcpSyn);
    for (size_t i = 0; i < kClients; ++i) {
      moved[clients_[i].region] += clients_[i].served_by == served_by[i] ? 0 : 2.0 / kClients;
      clients_[i].served_by = served_by[i];
    }
    return moved;
  }

  void compare(const Plan& plan) {
    ++changes;
    const std::unique_ptr<const dataplane::Snapshot> old = std::move(node_->snapshot);
    node_->message = table_;
    node_->push();
    dataplane::Foresight foresight(*node_->snapshot, node_->registry);
    for (const FlowEvent& flow : flows_)
      foresight.add(flow);
    const v1::FlowEffects foretold = foresight.effects();

    uint64_t moved = 0, revoked = 0;
    send_all(live_, kLivePort, dataplane::kTcpAck);
    for (const FlowEvent& event : live_.events) {
      moved += event.end_reason == dataplane::EndReason::kMoved ? 1 : 0;
      revoked += event.end_reason == dataplane::EndReason::kRevoked ? 1 : 0;
    }
    EXPECT_NEAR(share(foretold.moved()), share(moved), kToleranceMax) << about(plan);
    EXPECT_NEAR(share(foretold.revoked()), share(revoked), kToleranceMax) << about(plan);

    std::map<std::string, double> expected{{"eu", 0}, {"us", 0}};
    for (const v1::MovedClients& clients : plan.moved)
      expected[clients.client_class()] = clients.moved() / 1e6;
    const std::map<std::string, double> seen = probe();
    double resteered = 0;
    for (const auto& [region, part] : seen) {
      EXPECT_NEAR(expected[region], part, kToleranceMax) << region << ": " << about(plan);
      resteered += part / 2;
    }
    const uint64_t others = foretold.resteered() + foretold.moved() + foretold.revoked();
    EXPECT_NEAR(share(others), resteered, kToleranceMax) << about(plan);
    open_flows();
  }

  static double share(uint64_t count) { return static_cast<double>(count) / kClients; }

  std::string about(const Plan& plan) const {
    std::string text = "change " + std::to_string(changes);
    for (const v1::ObjectDiff& diff : plan.diff)
      text += "\n" + diff.ShortDebugString();
    return text;
  }

  std::mt19937_64 random_;
  v1::Policy policy_;
  v1::ForwardingTable table_;
  std::vector<Client> clients_;
  std::unique_ptr<TestPolicy> node_;
  TestCore live_{2 * kClients}, probed_{2 * kClients};
  std::vector<FlowEvent> flows_;

 public:
  int changes = 0;
};

TEST(Foresight, PlansForetellWhatHappens) {
  const char* const seed = std::getenv("SLUICE_SEED");
  World world(seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10));
  while (world.changes < kChanges) {
    world.change();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::testing

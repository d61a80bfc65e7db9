// SPDX-License-Identifier: Apache-2.0
//
// Policies change at random, backends and whole nodes fail and come back, rollouts go to and fro;
// after every step traffic is sent, and no packet reaches a server that the policy in force forbids
// its client. SLUICE_SEED replays one seed.
#include <arpa/inet.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <set>

#include "controlplane/planner/plan.h"
#include "controlplane/policy/validate.h"
#include "dataplane/flow/tcp_state.h"
#include "dataplane/pipeline/end_turn.h"
#include "tests/sim/random_policy.h"
#include "tests/sim/residency_oracle.h"
#include "tests/support/packet_pool.h"
#include "tests/support/test_node.h"

namespace sluice::testing {
namespace {

using controlplane::ClientSets;
using controlplane::SourceMap;
using controlplane::Violations;
using dataplane::BackendState;
using dataplane::Bytes;
using dataplane::PacketBuilder;
using dataplane::TestCore;
using dataplane::TestPolicy;

constexpr int kSteps = 300;
constexpr size_t kBurst = 40;
constexpr uint32_t kFlowCapacity = 64;  // fewer than there are flows: some stay unrecorded
constexpr uint16_t kClientPorts = 6;
constexpr uint8_t kProtocolIpip = 4, kProtocolIpv6InIp = 41;

std::string text_of(int family, const uint8_t* bytes) {
  char text[INET6_ADDRSTRLEN];
  return inet_ntop(family, bytes, text, sizeof text);
}

// What a forwarded frame says: the tunnel's end, and the client's packet inside. Resets are
// Sluice's own, to a recalled backend about a flow that it had: no client sends one here.
struct Forwarded {
  std::string backend, client, service;
};

std::optional<Forwarded> read(const Bytes& frame) {
  const uint8_t* const outer = frame.data() + 14;
  if (frame[12] != 0x08 || frame[13] != 0x00) return std::nullopt;
  const bool is_v4 = outer[9] == kProtocolIpip;
  if (!is_v4 && outer[9] != kProtocolIpv6InIp) return std::nullopt;  // a reply to the client
  const uint8_t* const inner = outer + 20;
  const int family = is_v4 ? AF_INET : AF_INET6;
  const uint8_t* const layer4 = inner + (is_v4 ? 20 : 40);
  const bool is_tcp = (is_v4 ? inner[9] : inner[6]) == dataplane::kProtocolTcp;
  if (is_tcp && (layer4[13] & dataplane::kTcpRst) != 0) return std::nullopt;
  return Forwarded{text_of(AF_INET, outer + 16), text_of(family, inner + (is_v4 ? 12 : 8)),
                   text_of(family, inner + (is_v4 ? 16 : 24))};
}

class World {
 public:
  explicit World(uint64_t seed) : random_(seed) {
    v1::Policy first = random_.whole();
    while (!accept(first))
      first = random_.whole();
    restart();
  }

  void step() {
    switch (random_.below(8)) {
      case 0:
      case 1:
        return change();
      case 2:
        return steer_rollouts();
      case 3:
        return fail_or_mend();
      case 4:
        if (random_.below(4) == 0) return restart();
        return core_->pass(random_.below(20) * 1'000'000'000, 500'000'000);
      default:
        return traffic();
    }
  }

  uint64_t accepted = 0, refused = 0, forwarded = 0, to_rollouts = 0;

 private:
  // Plans as the controller does. True: it is in force.
  bool accept(const v1::Policy& policy, bool strike = false) {
    const ClientSets clients = controlplane::client_sets(policy);
    const SourceMap source;
    Violations violations;
    controlplane::validate_policy(policy, clients, source, violations);
    if (!violations.empty()) return false;
    controlplane::TableHeader header;
    header.generation = table_.generation() + 1;
    header.revision = table_.revision() + 1;
    header.eligibility_epoch = std::max<uint64_t>(1, table_.eligibility_epoch());
    header.steering_key = controlplane::test_steering_key();
    header.rollouts = random_.progress(policy);
    const controlplane::ObjectNames touched = controlplane::all_objects(policy);
    controlplane::CompileOptions options;
    if (strike) options.forbidden = controlplane::Forbidden::kStrike;
    controlplane::Plan plan = controlplane::make_plan(
        {policy_, table_}, {policy, clients, source, touched}, header, options);
    if (!plan.refusals.empty()) return false;
    policy_ = policy;
    table_ = *plan.table;
    return true;
  }

  void change() {
    v1::Policy next = policy_;
    for (size_t i = 0; i <= random_.below(2); ++i)
      random_.edit(next);
    if (!accept(next, random_.below(4) == 0)) {
      ++refused;
      return;
    }
    ++accepted;
    push();
  }

  void steer_rollouts() {
    if (!policy_.rollouts().empty() && accept(policy_, true)) push();
  }

  void push() {
    node_->message = table_;
    node_->push();
  }

  void fail_or_mend() {
    constexpr BackendState kStates[] = {BackendState::kUp, BackendState::kUp,
                                        BackendState::kDraining, BackendState::kDown,
                                        BackendState::kRecalled};
    const v1::Pool& pool =
        policy_.pools(static_cast<int>(random_.below(static_cast<size_t>(policy_.pools_size()))));
    for (const v1::Backend& backend : pool.spec().backends()) {
      node_->condition(pool.metadata().name(), backend.name()).state =
          kStates[random_.below(std::size(kStates))];
    }
    node_->republish();
  }

  // A new process that boots from its last-good table: other ids, no flows.
  void restart() {
    node_ = std::make_unique<TestPolicy>(table_);
    core_ = std::make_unique<TestCore>(kFlowCapacity);
  }

  Bytes frame() {
    constexpr uint8_t kFlags[] = {dataplane::kTcpSyn, dataplane::kTcpSyn, dataplane::kTcpAck,
                                  dataplane::kTcpAck | dataplane::kTcpFin};
    const std::string client = random_.client();
    const bool is_v4 = client.find(':') == std::string::npos;
    PacketBuilder packet;
    if (is_v4) {
      packet.ipv4(client, random_.service_address(true));
    } else {
      packet.ipv6(client, random_.service_address(false));
    }
    packet.tos(random_.below(3) == 0 ? 46 << 2 : 0).payload_bytes(random_.below(30));
    const auto port = static_cast<uint16_t>(1000 + random_.below(kClientPorts));
    if (random_.below(4) == 0) return packet.udp(port, 443).frame();
    return packet.tcp(port, 80, kFlags[random_.below(std::size(kFlags))]).frame();
  }

  void traffic() {
    std::vector<Bytes> frames(kBurst);
    for (Bytes& each : frames)
      each = frame();
    core_->core->now_ns += 1'000'000;
    for (const dataplane::Sent& sent : core_->send(frames, node_->snapshot.get())) {
      const auto packet = read(sent.frame);
      if (!packet) continue;
      ++forwarded;
      ASSERT_EQ(forbids(policy_, packet->client, packet->service, packet->backend), "")
          << policy_.DebugString();
    }
    for (const dataplane::FlowEvent& event : core_->events) {
      const auto names = node_->registry.names(dataplane::TargetId{event.target});
      to_rollouts += names && !names->rollout.empty() ? 1 : 0;
    }
    core_->events.clear();
    ASSERT_TRUE(core_->is_balanced());
  }

  RandomPolicy random_;
  v1::Policy policy_;
  v1::ForwardingTable table_;
  std::unique_ptr<TestPolicy> node_;
  std::unique_ptr<TestCore> core_;
};

struct Sums {
  uint64_t accepted = 0, refused = 0, forwarded = 0, to_rollouts = 0;
};

void run(uint64_t seed, Sums& sums) {
  SCOPED_TRACE("SLUICE_SEED=" + std::to_string(seed));
  World world(seed);
  for (int step = 0; step < kSteps; ++step) {
    ASSERT_NO_FATAL_FAILURE(world.step()) << "step " << step;
    if (::testing::Test::HasFatalFailure()) return;
  }
  sums.accepted += world.accepted;
  sums.refused += world.refused;
  sums.forwarded += world.forwarded;
  sums.to_rollouts += world.to_rollouts;
}

TEST(Eligibility, NoPacketReachesAServerThatThePolicyForbids) {
  Sums sums;
  if (const char* const seed = std::getenv("SLUICE_SEED"))
    return run(std::strtoull(seed, nullptr, 10), sums);
  for (uint64_t seed = 1; seed <= 12; ++seed)
    ASSERT_NO_FATAL_FAILURE(run(seed, sums));
  // The world is neither too strict nor too lax to show anything.
  EXPECT_GT(sums.accepted, 150u);
  EXPECT_GT(sums.refused, 150u);
  EXPECT_GT(sums.forwarded, 15'000u);
  EXPECT_GT(sums.to_rollouts, 60u);
}

// The oracle itself: by hand.
TEST(ResidencyOracle, SeesWhatGuardrailsSay) {
  v1::Policy policy;
  v1::ClientClass& eu = *policy.add_client_classes();
  eu.mutable_metadata()->set_name("eu");
  (*eu.mutable_metadata()->mutable_labels())["region"] = "eu";
  eu.mutable_spec()->add_prefixes("198.51.100.0/24");
  v1::Service& chat = *policy.add_services();
  chat.mutable_spec()->add_addresses("203.0.113.10");
  v1::Pool& pool = *policy.add_pools();
  (*pool.mutable_metadata()->mutable_labels())["jurisdiction"] = "eu";
  pool.mutable_spec()->add_backends()->set_address("10.9.0.1");
  v1::Backend& abroad = *pool.mutable_spec()->add_backends();
  abroad.set_address("10.9.0.2");
  (*abroad.mutable_labels())["jurisdiction"] = "us";
  v1::Guardrail& guardrail = *policy.add_guardrails();
  guardrail.mutable_metadata()->set_name("residency");
  (*guardrail.mutable_spec()->mutable_clients()->mutable_match_labels())["region"] = "eu";
  (*guardrail.mutable_spec()->mutable_require()->mutable_match_labels())["jurisdiction"] = "eu";

  EXPECT_EQ(forbids(policy, "198.51.100.7", "203.0.113.10", "10.9.0.1"), "");
  EXPECT_NE(forbids(policy, "198.51.100.7", "203.0.113.10", "10.9.0.2"), "");
  EXPECT_EQ(forbids(policy, "192.0.2.7", "203.0.113.10", "10.9.0.2"), "");
  EXPECT_NE(forbids(policy, "192.0.2.7", "203.0.113.10", "10.9.0.3"), "");
  EXPECT_NE(forbids(policy, "192.0.2.7", "203.0.113.11", "10.9.0.1"), "");
}

}  // namespace
}  // namespace sluice::testing

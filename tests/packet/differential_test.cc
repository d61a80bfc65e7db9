// SPDX-License-Identifier: Apache-2.0
//
// The packet path against the naive balancer, over random policies: what flows begin is what the
// model says.
#include <gtest/gtest.h>

#include "dataplane/flow/tcp_state.h"
#include "dataplane/table/from_proto.h"
#include "tests/support/model/model.h"
#include "tests/support/random_table.h"
#include "tests/support/test_node.h"

namespace sluice::dataplane {
namespace {

constexpr uint64_t kWorlds = 100;
constexpr int kTuplesPerWorld = 1000;

Bytes frame_of(const v1::ExplainRequest& request) {
  PacketBuilder packet;
  packet.ipv4(request.client_address(), request.service_address());
  packet.tos(static_cast<uint8_t>(request.dscp() << 2 | 1));  // one of its bits is ECN's
  const auto source = static_cast<uint16_t>(request.client_port());
  const auto destination = static_cast<uint16_t>(request.service_port());
  if (request.protocol() == kProtocolUdp) return packet.udp(source, destination).frame();
  return packet.tcp(source, destination, request.established() ? kTcpAck : kTcpSyn).frame();
}

uint64_t rejections(const TestCore& core) {
  return core.core->counters.replied.read() + core.dropped(DropReason::kNoRoute) +
         core.dropped(DropReason::kNoPool) + core.dropped(DropReason::kRejectLimited);
}

// How often each kind of outcome was compared.
struct Tally {
  int forwarded = 0, rejected = 0, not_for_service = 0;
};

void compare(const RandomWorld& world, uint64_t seed, std::shared_ptr<const Table>& table,
             Registry& registry, Tally& tally) {
  const auto built = build_table(world.table, table.get(), registry);
  ASSERT_TRUE(built.ok()) << built.status();
  table = built->table;
  const auto snapshot =
      make_snapshot(table, 1, conditions_of(world, *table), world.now_unix_ms, world.node);
  const Model model(world.table, world.probed, world.now_unix_ms, world.node.degraded);
  TestCore core(2 * kTuplesPerWorld);
  Random random(seed);

  for (int i = 0; i < kTuplesPerWorld; ++i) {
    const v1::ExplainRequest request = random_tuple(world.table, random);
    SCOPED_TRACE(request.ShortDebugString());
    const ModelAnswer answer = model.answer(request);
    const uint64_t rejected = rejections(core);
    const uint64_t ignored = core.dropped(DropReason::kNotForService);
    core.events.clear();
    core.send({frame_of(request)}, snapshot.get());

    if (!core.events.empty()) {
      const FlowEvent& event = core.events.front();
      const auto names = registry.names(TargetId{event.target});
      ASSERT_EQ(answer.verdict, v1::STEER_VERDICT_FORWARD);
      ASSERT_EQ(names->service, answer.service);
      ASSERT_EQ(names->route, answer.route);
      ASSERT_EQ(names->rollout, answer.cause == v1::POOL_CAUSE_ROLLOUT ? answer.rollout : "");
      ASSERT_EQ(names->backend.pool, answer.pool);
      ASSERT_EQ(names->backend.name, answer.backend);
      ASSERT_EQ(registry.name(ClassId{event.client_class}), answer.client_class);
      ++tally.forwarded;
    } else if (rejections(core) != rejected) {
      ASSERT_TRUE(answer.verdict == v1::STEER_VERDICT_NO_ROUTE ||
                  answer.verdict == v1::STEER_VERDICT_NO_POOL);
      ++tally.rejected;
    } else if (core.dropped(DropReason::kNotForService) != ignored) {
      ASSERT_EQ(answer.verdict, v1::STEER_VERDICT_NO_SERVICE);
      ++tally.not_for_service;
    }
    // What is left repeats a flow of this world, or has an address or port that no client has.
  }
  ASSERT_TRUE(core.is_balanced());
}

TEST(PacketPath, BeginsFlowsWhereTheModelSaysOnAHundredThousandTuples) {
  Registry registry;
  std::shared_ptr<const Table> table;
  Tally tally;
  for (uint64_t seed = 0; seed < kWorlds; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    ASSERT_NO_FATAL_FAILURE(compare(random_world(seed), seed, table, registry, tally));
  }

  EXPECT_GT(tally.forwarded, 15'000);
  EXPECT_GT(tally.rejected, 1'000);
  EXPECT_GT(tally.not_for_service, 1'000);
}

}  // namespace
}  // namespace sluice::dataplane

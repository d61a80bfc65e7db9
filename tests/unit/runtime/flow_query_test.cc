// SPDX-License-Identifier: Apache-2.0
//
// Listings that an lcore answers piece by piece.
#include "dataplane/runtime/flow_query.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

namespace sluice::dataplane {
namespace {

template <Family F>
void insert(CoreContext& core, uint64_t flow_id) {
  std::array<uint8_t, 16> source{};
  std::memcpy(source.data(), &flow_id, sizeof(uint32_t));
  const std::array<uint8_t, 16> destination{203, 0, 113, 10};
  const auto key = FlowKey<F>::make(source.data(), destination.data(), Be16::from_host(1),
                                    Be16::from_host(80), kProtocolTcp);
  FlowEntry<F>& entry = *core.flows<F>().insert(key, core.flows<F>().hash(key));
  entry.state = FlowState::kOpen;
  core.flows<F>().detail(entry).flow_id = flow_id;
}

TEST(FlowQuery, ListsEveryFlowOnceOverManyQuestions) {
  constexpr uint64_t kFlows = 3000;
  const auto core = CoreContext::create({.flow_capacity = 4096, .flow_key = {1, 2}});
  for (uint64_t id = 1; id <= kFlows; ++id)
    id % 3 == 0 ? insert<Family::kIpv6>(*core, id) : insert<Family::kIpv4>(*core, id);
  const auto query = std::make_unique<FlowQuery>();

  std::set<uint64_t> seen;
  FlowPlace place;
  do {
    ASSERT_TRUE(query->ask(place, 700));
    EXPECT_FALSE(query->ask(place, 700)) << "one question at a time";
    uint32_t turns = 0;
    for (; !query->is_answered(); ++turns)
      query->serve(*core);
    EXPECT_GE(turns, query->flows().size() / 64) << "a bounded number per turn";
    EXPECT_LE(query->flows().size(), 700u);
    for (const FlowEvent& flow : query->flows())
      EXPECT_TRUE(seen.insert(flow.flow_id).second) << flow.flow_id;
    place = query->next();
  } while (!query->reached_end());

  EXPECT_EQ(seen.size(), kFlows);
}

TEST(FlowQuery, LeavesOutWhatWasCut) {
  const auto core = CoreContext::create({.flow_capacity = 16, .flow_key = {1, 2}});
  insert<Family::kIpv4>(*core, 1);
  insert<Family::kIpv4>(*core, 2);
  core->flows_v4.at(0).state = FlowState::kCut;
  const auto query = std::make_unique<FlowQuery>();

  ASSERT_TRUE(query->ask({}, 10));
  while (!query->is_answered())
    query->serve(*core);

  ASSERT_EQ(query->flows().size(), 1u);
  EXPECT_EQ(query->flows()[0].flow_id, 2u);
}

TEST(FlowQuery, OfAnEmptyTableEndsAtOnce) {
  const auto core = CoreContext::create({.flow_capacity = 16, .flow_key = {1, 2}});
  const auto query = std::make_unique<FlowQuery>();

  ASSERT_TRUE(query->ask({}, 10));
  for (int turn = 0; turn < 2; ++turn)
    query->serve(*core);

  EXPECT_TRUE(query->is_answered());
  EXPECT_TRUE(query->reached_end());
  EXPECT_TRUE(query->flows().empty());
}

}  // namespace
}  // namespace sluice::dataplane

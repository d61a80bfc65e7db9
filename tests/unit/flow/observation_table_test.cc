// SPDX-License-Identifier: Apache-2.0
//
// When observed flows are judged, and how many there can be.
#include "dataplane/flow/observation_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "dataplane/flow/recent_clients.h"

namespace sluice::dataplane {
namespace {

constexpr uint64_t kMsNs = 1'000'000;
constexpr uint64_t kStartNs = 5'000'000'000;
constexpr uint32_t kMany = 1000;

class Observed : public testing::Test {
 protected:
  ObservedFlow* add(uint32_t id, uint64_t due_ms) {
    return table.add({.due_ns = kStartNs + due_ms * kMsNs, .entry = id});
  }
  // The ids of those that are due.
  std::vector<uint32_t> judge(uint64_t ms, uint32_t count = kMany) {
    std::vector<uint32_t> ids;
    table.take_due(kStartNs + ms * kMsNs, count, [&](ObservedFlow& flow) {
      ids.push_back(flow.entry);
      table.remove(flow);
    });
    return ids;
  }

  ObservationTable table = *ObservationTable::create(4);
};

TEST_F(Observed, AreJudgedInTimeAndOnce) {
  ASSERT_NE(add(1, 3000), nullptr);
  ASSERT_NE(add(2, 1000), nullptr);

  EXPECT_TRUE(judge(0).empty());
  EXPECT_TRUE(judge(999).empty());
  EXPECT_EQ(judge(1017), (std::vector<uint32_t>{2}));
  EXPECT_TRUE(judge(2999).empty());
  EXPECT_EQ(judge(3017), (std::vector<uint32_t>{1}));
  EXPECT_TRUE(judge(200'000).empty());
  EXPECT_EQ(table.size(), 0u);
}

TEST_F(Observed, AreJudgedInPiecesWhenManyAreDue) {
  for (uint32_t id = 1; id <= 4; ++id)
    ASSERT_NE(add(id, 1000), nullptr);

  EXPECT_EQ(judge(1100, 3).size(), 3u);
  EXPECT_EQ(judge(1100, 3).size(), 1u);
  EXPECT_EQ(judge(1100, 3).size(), 0u);
}

TEST_F(Observed, HaveNoPlaceBeyondTheCapacityUntilOneIsFree) {
  std::vector<ObservedFlow*> flows;
  for (uint32_t id = 1; id <= 4; ++id)
    flows.push_back(add(id, 1000));
  EXPECT_EQ(add(5, 1000), nullptr);

  table.remove(*flows[1]);

  EXPECT_EQ(add(6, 1000), flows[1]);
  EXPECT_EQ(add(7, 1000), nullptr);
  EXPECT_EQ(judge(1100).size(), 4u);
}

TEST_F(Observed, ThatAreRemovedAreNotJudged) {
  add(1, 1000);
  ObservedFlow* const middle = add(2, 1000);
  ObservedFlow* const first = add(3, 1000);
  add(4, 1000);

  table.remove(*middle);
  table.remove(*first);
  EXPECT_EQ(judge(1100), (std::vector<uint32_t>{4, 1}));
}

TEST_F(Observed, AreJudgedAfterAStandstillOfTheClock) {
  EXPECT_TRUE(judge(0).empty());
  add(1, 60'000);
  EXPECT_EQ(judge(1'000'000), (std::vector<uint32_t>{1}));

  add(2, 1'060'000);
  EXPECT_TRUE(judge(1'059'999).empty());
  EXPECT_EQ(judge(1'060'017), (std::vector<uint32_t>{2}));
}

TEST(ObservationTable, AgreesWithASortedListOverRandomLives) {
  constexpr uint32_t kCapacity = 200;
  std::mt19937 random(7);
  ObservationTable table = *ObservationTable::create(kCapacity);
  std::map<uint32_t, std::pair<uint64_t, ObservedFlow*>> living;  // by id
  uint64_t now_ns = kStartNs;
  for (uint32_t id = 1; id < 20'000; ++id) {
    now_ns += random() % 20 * kMsNs;
    table.take_due(now_ns, kMany, [&](ObservedFlow& flow) {
      ASSERT_LE(living.at(flow.entry).first, now_ns);
      if (flow.entry % 3 == 0 && random() % 2 == 0) {
        const uint64_t later_ns = now_ns + (1 + random() % 5000) * kMsNs;
        table.postpone(flow, later_ns);
        living.at(flow.entry).first = later_ns;
        return;
      }
      living.erase(flow.entry);
      table.remove(flow);
    });
    for (const auto& [other, life] : living)
      ASSERT_GT(life.first + 17 * kMsNs, now_ns) << other;
    const uint64_t due_ns = now_ns + (1 + random() % 5000) * kMsNs;
    ObservedFlow* const flow = table.add({.due_ns = due_ns, .entry = id});
    ASSERT_EQ(flow == nullptr, living.size() == kCapacity);
    if (flow != nullptr) living[id] = {due_ns, flow};
    if (random() % 3 != 0 || living.empty()) continue;
    const auto ended = living.lower_bound(static_cast<uint32_t>(random()) % id);
    if (ended == living.end()) continue;
    table.remove(*ended->second.second);
    living.erase(ended);
  }
  EXPECT_EQ(table.size(), living.size());
}

TEST(RecentClients, KnowsWhoWasHereWithinTheTime) {
  RecentClients clients = *RecentClients::create();
  constexpr uint64_t kHash = 0x1234'5678'9abc'def0;

  EXPECT_FALSE(clients.note(kHash, 10'000, 3000));
  EXPECT_TRUE(clients.note(kHash, 13'000, 3000));
  EXPECT_FALSE(clients.note(kHash, 16'001, 3000));
}

TEST(RecentClients, TakesWhoWasPushedOutForNew) {
  RecentClients clients = *RecentClients::create();
  constexpr uint64_t kHash = 0x1234'5678'9abc'def0;
  constexpr uint64_t kSamePlace = kHash + (uint64_t{1} << 40);

  EXPECT_FALSE(clients.note(kHash, 10'000, 3000));
  EXPECT_FALSE(clients.note(kSamePlace, 10'001, 3000));
  EXPECT_FALSE(clients.note(kHash, 10'002, 3000));
}

}  // namespace
}  // namespace sluice::dataplane

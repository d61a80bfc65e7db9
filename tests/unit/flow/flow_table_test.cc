// SPDX-License-Identifier: Apache-2.0
//
// The flow table against a map, and what it promises about capacity and memory.
#include "dataplane/flow/flow_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <unordered_map>
#include <vector>

namespace sluice::dataplane {
namespace {

constexpr HashKey kKey{0x0123456789abcdef, 0xfedcba9876543210};

template <Family F>
FlowKey<F> key_of(uint32_t number) {
  std::array<uint8_t, 16> source{};
  std::array<uint8_t, 16> destination{203, 0, 113, 10};
  std::memcpy(source.data(), &number, sizeof number);
  return FlowKey<F>::make(source.data(), destination.data(), Be16::from_host(40000),
                          Be16::from_host(80), kProtocolTcp);
}

template <class T>
class FlowTableOfFamily : public testing::Test {};
template <Family F>
struct Of {
  static constexpr Family kFamily = F;
};
using Families = testing::Types<Of<Family::kIpv4>, Of<Family::kIpv6>>;
TYPED_TEST_SUITE(FlowTableOfFamily, Families);

TEST(TouchedArray, AsksForNoMoreThanThereIs) {
  constexpr size_t kManyTebibytes = size_t{1} << 45;
  EXPECT_FALSE(TouchedArray<char>::create(kManyTebibytes));
}

TYPED_TEST(FlowTableOfFamily, FindsExactlyWhatWasInserted) {
  constexpr Family kFamily = TypeParam::kFamily;
  auto table = *FlowTable<kFamily>::create(1000, kKey);
  std::unordered_map<uint32_t, uint64_t> expected;
  std::mt19937 random(7);

  for (int step = 0; step < 200'000; ++step) {
    const auto number = static_cast<uint32_t>(random() % 1500);
    const auto key = key_of<kFamily>(number);
    const uint64_t hash = table.hash(key);
    FlowEntry<kFamily>* const entry = table.find(key, hash);
    const auto known = expected.find(number);
    ASSERT_EQ(entry != nullptr, known != expected.end()) << "step " << step;
    if (entry != nullptr) {
      ASSERT_EQ(entry->counts.packets, known->second);
      table.erase(*entry);
      expected.erase(known);
    } else if (FlowEntry<kFamily>* const added = table.insert(key, hash)) {
      added->state = FlowState::kOpen;
      added->counts.packets = static_cast<uint64_t>(step);
      expected[number] = static_cast<uint64_t>(step);
    } else {
      ASSERT_EQ(table.size(), 1000u) << "insert fails only when the table is full";
    }
    ASSERT_EQ(table.size(), expected.size());
  }
}

TYPED_TEST(FlowTableOfFamily, TakesAsManyFlowsAsItsCapacity) {
  constexpr Family kFamily = TypeParam::kFamily;
  auto table = *FlowTable<kFamily>::create(65536, kKey);

  for (uint32_t number = 0; number < 65536; ++number) {
    const auto key = key_of<kFamily>(number);
    ASSERT_NE(table.insert(key, table.hash(key)), nullptr) << number;
  }

  const auto one_more = key_of<kFamily>(65536);
  EXPECT_EQ(table.insert(one_more, table.hash(one_more)), nullptr);
  for (uint32_t number = 0; number < 65536; ++number) {
    const auto key = key_of<kFamily>(number);
    ASSERT_NE(table.find(key, table.hash(key)), nullptr) << number;
  }
}

TYPED_TEST(FlowTableOfFamily, ErasedPlacesAreUsedAgainBeforeNewOnes) {
  constexpr Family kFamily = TypeParam::kFamily;
  auto table = *FlowTable<kFamily>::create(100, kKey);
  for (uint32_t number = 0; number < 3; ++number) {
    const auto key = key_of<kFamily>(number);
    table.insert(key, table.hash(key))->state = FlowState::kOpen;
  }

  table.erase(table.at(1));
  const auto key = key_of<kFamily>(9);
  FlowEntry<kFamily>* const entry = table.insert(key, table.hash(key));

  EXPECT_EQ(table.position(*entry), 1u);
  EXPECT_EQ(table.positions_end(), 3u);
  EXPECT_EQ(entry->state, FlowState::kFree) << "an entry begins as constructed";
}

TYPED_TEST(FlowTableOfFamily, FullBucketSpillsIntoTheSecond) {
  constexpr Family kFamily = TypeParam::kFamily;
  auto table = *FlowTable<kFamily>::create(64, kKey);
  std::vector<FlowKey<kFamily>> same_home;
  for (uint32_t number = 0; same_home.size() < 12; ++number) {
    const auto key = key_of<kFamily>(number);
    const uint64_t hash = table.hash(key);
    if ((hash & 31) == 0 && (hash >> 24 & 31) != 0) same_home.push_back(key);
  }

  for (const auto& key : same_home)
    ASSERT_NE(table.insert(key, table.hash(key)), nullptr);
  for (const auto& key : same_home)
    ASSERT_NE(table.find(key, table.hash(key)), nullptr);
  for (const auto& key : same_home)
    table.erase(*table.find(key, table.hash(key)));

  EXPECT_EQ(table.size(), 0u);
  for (const auto& key : same_home)
    EXPECT_EQ(table.find(key, table.hash(key)), nullptr);
}

TEST(FlowEvent, CarriesWhatTheEntryAndItsDetailSay) {
  auto table = *FlowTable<Family::kIpv4>::create(4, kKey);
  const auto key = key_of<Family::kIpv4>(0x0100a8c0);
  FlowEntry<Family::kIpv4>& entry = *table.insert(key, table.hash(key));
  entry.counts.packets = 3;
  entry.counts.bytes = 180;
  entry.last_seen_ns = 500;
  entry.target = 17;
  entry.tcp_flags = kTcpSyn | kTcpAck;
  table.detail(entry) = {.flow_id = 9,
                         .generation = 4,
                         .revision = 3,
                         .view = 2,
                         .start_ns = 100,
                         .client_class = 5,
                         .part = 2,
                         .handshake_us = 11};

  const FlowEvent event = make_event(entry, table.detail(entry), EndReason::kMoved, {1000, 6});

  EXPECT_EQ(event.flow_id, 9u);
  EXPECT_EQ(event.start_ns, 1100u);
  EXPECT_EQ(event.last_ns, 1500u);
  EXPECT_EQ(event.client[0], 192);
  EXPECT_EQ(event.service[0], 203);
  EXPECT_EQ(event.client_port, 40000);
  EXPECT_EQ(event.service_port, 80);
  EXPECT_EQ(event.end_reason, EndReason::kMoved);
  EXPECT_EQ(event.lcore, 6);
  EXPECT_EQ(event.part, 2u);
}

}  // namespace
}  // namespace sluice::dataplane

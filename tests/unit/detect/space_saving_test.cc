// SPDX-License-Identifier: Apache-2.0
//
// The most frequent keys against an exact count.
#include "controlplane/detect/space_saving.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

namespace sluice::controlplane {
namespace {

std::vector<double> zipf(size_t keys, double exponent) {
  std::vector<double> weights;
  for (size_t i = 1; i <= keys; ++i)
    weights.push_back(std::pow(static_cast<double>(i), -exponent));
  return weights;
}

TEST(SpaceSaving, IsExactWhileItHasRoom) {
  SpaceSaving counts(3);
  for (const char* key : {"a", "b", "a", "c", "a", "b"})
    counts.add(key);

  const std::vector<HeavyHitter> top = counts.top(2);
  ASSERT_EQ(top.size(), 2);
  EXPECT_EQ(top[0].key, "a");
  EXPECT_EQ(top[0].count, 3);
  EXPECT_EQ(top[0].error, 0);
  EXPECT_EQ(top[1].key, "b");
}

TEST(SpaceSaving, ReplacesTheLeastAndTakesItsCountAsError) {
  SpaceSaving counts(2);
  for (const char* key : {"x", "y", "y", "z"})
    counts.add(key);

  const std::vector<HeavyHitter> top = counts.top(2);
  EXPECT_EQ(top[1].key, "z");
  EXPECT_EQ(top[1].count, 2);
  EXPECT_EQ(top[1].error, 1);
  EXPECT_EQ(top[1].guaranteed(), 1);
}

TEST(SpaceSaving, AddsWeights) {
  SpaceSaving counts(4);
  counts.add("a", 5);
  counts.add("a", 7);
  counts.add("b", 0);
  EXPECT_EQ(counts.total(), 12);
  EXPECT_EQ(counts.top(9).size(), 1);
  EXPECT_EQ(counts.top(9)[0].count, 12);
}

TEST(SpaceSaving, ForgetsEverythingWhenCleared) {
  SpaceSaving counts(2);
  counts.add("a");
  counts.clear();
  EXPECT_EQ(counts.total(), 0);
  EXPECT_TRUE(counts.top(2).empty());
}

// The bounds of Metwally et al.
TEST(SpaceSaving, KeepsItsBoundsOnZipfStreams) {
  constexpr size_t kKeys = 5000;
  constexpr size_t kCapacity = 100;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const double exponent = std::uniform_real_distribution<double>(0.2, 1.6)(random);
    const std::vector<double> weights = zipf(kKeys, exponent);
    std::discrete_distribution<int> draw(weights.begin(), weights.end());
    std::map<std::string, uint64_t> exact;
    SpaceSaving counts(kCapacity);
    for (int i = 0; i < 20'000; ++i) {
      const std::string key = std::to_string(draw(random));
      const uint64_t count = 1 + random() % 3;
      exact[key] += count;
      counts.add(key, count);
    }

    const uint64_t bound = counts.total() / kCapacity;
    std::map<std::string, HeavyHitter> counted;
    for (const HeavyHitter& hitter : counts.top(kCapacity)) {
      counted[hitter.key] = hitter;
      EXPECT_LE(exact[hitter.key], hitter.count);
      EXPECT_GE(exact[hitter.key], hitter.guaranteed());
      EXPECT_LE(hitter.error, bound);
    }
    for (const auto& [key, count] : exact) {
      if (count > bound) {
        EXPECT_TRUE(counted.contains(key)) << key << " came " << count << " times";
      }
    }
  }
}

}  // namespace
}  // namespace sluice::controlplane

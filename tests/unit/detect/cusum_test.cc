// SPDX-License-Identifier: Apache-2.0
//
// Cumulative sums against ones computed by hand.
#include "controlplane/detect/cusum.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace sluice::controlplane {
namespace {

TEST(Cusum, IsThatComputedByHand) {
  struct Step {
    double residual, up, down;
  };
  constexpr Step kSteps[] = {
      {1.0, 0.5, 0.0}, {2.0, 2.0, 0.0},  {-0.25, 1.25, 0.0}, {-3.0, 0.0, 2.5},
      {0.5, 0.0, 1.5}, {-1.0, 0.0, 2.0}, {4.5, 4.0, 0.0},
  };
  Cusum sums(0.5, 100);
  for (const Step& step : kSteps) {
    sums.add(step.residual);
    EXPECT_DOUBLE_EQ(sums.sum(Direction::kUp), step.up);
    EXPECT_DOUBLE_EQ(sums.sum(Direction::kDown), step.down);
  }
}

TEST(Cusum, StopsAtItsCeiling) {
  Cusum sums(0.5, 3);
  for (int i = 0; i < 10; ++i)
    sums.add(2);
  EXPECT_DOUBLE_EQ(sums.sum(Direction::kUp), 3);
}

TEST(Cusum, BeginsAnewAfterReset) {
  Cusum sums(0.5, 10);
  sums.add(4);
  sums.reset();
  EXPECT_EQ(sums.sum(Direction::kUp), 0);
}

// Average run lengths with slack 0.5 and threshold 4: 168 residuals until either sum passes when
// nothing happens, 8.38 after a shift by one (Montgomery, Introduction to Statistical Quality
// Control, table of run lengths of the tabular CUSUM).
TEST(Cusum, RunsAsLongAsTheTablesSayWhenNothingHappens) {
  constexpr int kRuns = 4000;
  std::mt19937_64 random(7);
  std::normal_distribution<double> normal;
  int64_t residuals = 0;
  for (int run = 0; run < kRuns; ++run) {
    Cusum sums(0.5, 100);
    while (std::max(sums.sum(Direction::kUp), sums.sum(Direction::kDown)) < 4) {
      sums.add(normal(random));
      ++residuals;
    }
  }
  EXPECT_NEAR(static_cast<double>(residuals) / kRuns, 168, 10);
}

TEST(Cusum, FindsAShiftOfOneAsSoonAsTheTablesSay) {
  constexpr int kRuns = 4000;
  std::mt19937_64 random(8);
  std::normal_distribution<double> normal(1, 1);
  int64_t residuals = 0;
  for (int run = 0; run < kRuns; ++run) {
    Cusum sums(0.5, 100);
    while (sums.sum(Direction::kUp) < 4) {
      sums.add(normal(random));
      ++residuals;
    }
  }
  EXPECT_NEAR(static_cast<double>(residuals) / kRuns, 8.38, 0.3);
}

}  // namespace
}  // namespace sluice::controlplane

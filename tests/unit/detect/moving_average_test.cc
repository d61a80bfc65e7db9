// SPDX-License-Identifier: Apache-2.0
//
// Averages that forget, against their closed forms.
#include "controlplane/detect/moving_average.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace sluice::controlplane {
namespace {

TEST(MovingAverage, WeighsTheFirstValuesAlike) {
  MovingAverage average(100);
  for (const double value : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0})
    average.add(value);
  EXPECT_NEAR(average.mean(), 5, 1e-12);
  EXPECT_NEAR(average.variance(), 4, 1e-12);
}

TEST(MovingAverage, IsTheWeightedMeanAndVarianceOnceItForgets) {
  constexpr double kMemory = 10;
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal(50, 8);
  MovingAverage average(kMemory);
  std::vector<double> values;
  for (int i = 0; i < 2000; ++i) {
    values.push_back(normal(random));
    average.add(values.back());
  }

  double weights = 0;
  double sum = 0;
  double squares = 0;
  double weight = 1;
  for (auto value = values.rbegin(); value != values.rend(); ++value) {
    weights += weight;
    sum += weight * *value;
    squares += weight * *value * *value;
    weight *= 1 - 1 / kMemory;
  }
  const double mean = sum / weights;
  EXPECT_NEAR(average.mean(), mean, 1e-9);
  EXPECT_NEAR(average.variance(), squares / weights - mean * mean, 1e-7);
}

TEST(MovingAverage, OfAConstantVariesByNothing) {
  MovingAverage average(5);
  for (int i = 0; i < 100; ++i)
    average.add(7);
  EXPECT_DOUBLE_EQ(average.mean(), 7);
  EXPECT_EQ(average.variance(), 0);
}

TEST(MovingRatio, OfNothingIsZero) {
  MovingRatio ratio(10);
  EXPECT_EQ(ratio.value(), 0);
  ratio.add(0, 0);
  EXPECT_EQ(ratio.value(), 0);
}

TEST(MovingRatio, WeighsByTheDenominator) {
  MovingRatio ratio(1e9);
  ratio.add(1, 1);
  ratio.add(10, 99);
  EXPECT_NEAR(ratio.value(), 0.11, 1e-9);
}

TEST(MovingRatio, BeginsWithItsPriorAndForgetsIt) {
  MovingRatio ratio(10, 0.5, 10);
  EXPECT_DOUBLE_EQ(ratio.value(), 0.5);
  for (int i = 0; i < 200; ++i)
    ratio.add(0.1, 1);
  EXPECT_NEAR(ratio.value(), 0.1, 1e-6);
}

TEST(MovingRatio, KeepsItsMemoryWhenItsValueIsReplaced) {
  MovingRatio ratio(10);
  for (int i = 0; i < 200; ++i)
    ratio.add(2, 1);
  ratio.replace(5);
  EXPECT_DOUBLE_EQ(ratio.value(), 5);
  ratio.add(15, 1);
  EXPECT_NEAR(ratio.value(), 6, 1e-6);
}

}  // namespace
}  // namespace sluice::controlplane

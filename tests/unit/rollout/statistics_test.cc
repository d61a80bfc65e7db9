// SPDX-License-Identifier: Apache-2.0
//
// Tails of distributions against published values.
#include "controlplane/rollout/statistics.h"

#include <gtest/gtest.h>

namespace sluice::controlplane {
namespace {

TEST(Statistics, StudentsTailIsThatOfTheTables) {
  EXPECT_NEAR(student_upper_tail(0, 5), 0.5, 1e-12);
  EXPECT_NEAR(student_upper_tail(2.015048, 5), 0.05, 1e-7);
  EXPECT_NEAR(student_upper_tail(-2.015048, 5), 0.95, 1e-7);
  EXPECT_NEAR(student_upper_tail(2.763769, 10), 0.01, 1e-7);
  EXPECT_NEAR(student_upper_tail(1.959964, 1e9), 0.025, 1e-7);
  EXPECT_NEAR(student_upper_tail(10, 2) / 0.00492622851166284, 1, 1e-9);
}

TEST(Statistics, TheChiSquaredTailIsThatOfTheTables) {
  EXPECT_EQ(chi_squared_upper_tail(0, 3), 1);
  EXPECT_NEAR(chi_squared_upper_tail(3.841458821, 1), 0.05, 1e-9);
  EXPECT_NEAR(chi_squared_upper_tail(5.991464547, 2), 0.05, 1e-9);
  EXPECT_NEAR(chi_squared_upper_tail(10.827566170, 1), 0.001, 1e-10);
  EXPECT_NEAR(chi_squared_upper_tail(124.342113, 100), 0.05, 1e-7);
}

TEST(Statistics, WelchsTestTakesUnequalVariances) {
  // t = 5/sqrt(4/10 + 36/20) = 3.37100, 25.70 degrees, one-sided.
  const double p_value = welch_p_value({25, 4, 10}, {20, 36, 20}, 0);
  EXPECT_NEAR(p_value, 0.00118752, 0.00000001);
  EXPECT_GT(welch_p_value({25, 4, 10}, {20, 36, 20}, 4), 0.2);
  EXPECT_EQ(welch_p_value({25, 4, 1}, {20, 36, 20}, 0), 1);
}

TEST(Statistics, ASampleKnowsItsMeanAndVariance) {
  Sample sample;
  for (const double value : {2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0})
    sample.add(value);
  EXPECT_DOUBLE_EQ(sample.mean(), 5);
  EXPECT_NEAR(sample.variance(), 32.0 / 7, 1e-12);
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What percentiles of counted durations are.
#include "tests/bench/latency_histogram.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace sluice::bench {
namespace {

LatencyHistogram of(std::initializer_list<uint64_t> values) {
  LatencyHistogram histogram;
  for (const uint64_t value : values)
    histogram.add(value);
  return histogram;
}

TEST(LatencyHistogram, WithoutValuesEveryPercentileIsZero) {
  EXPECT_EQ(LatencyHistogram().percentile(0.5), 0u);
  EXPECT_EQ(LatencyHistogram().percentile(1.0), 0u);
}

TEST(LatencyHistogram, SmallValuesAreExact) {
  const LatencyHistogram histogram = of({1, 2, 3, 4, 100});

  EXPECT_EQ(histogram.percentile(0.4), 2u);
  EXPECT_EQ(histogram.percentile(0.8), 4u);
  EXPECT_EQ(histogram.percentile(1.0), 100u);
}

TEST(LatencyHistogram, OneInAHundredIsAboveTheNinetyNinthPercentile) {
  LatencyHistogram histogram;
  for (int i = 0; i < 99; ++i)
    histogram.add(10);
  histogram.add(120);

  EXPECT_EQ(histogram.percentile(0.99), 10u);
  EXPECT_EQ(histogram.percentile(0.999), 120u);
}

TEST(LatencyHistogram, ALargeValueIsOverstatedByOnePartIn64AtMost) {
  for (uint64_t value = 1; value < uint64_t{1} << 62; value = value * 3 + 1) {
    const uint64_t stated = of({value}).percentile(1.0);

    EXPECT_GE(stated, value);
    EXPECT_LE(stated - value, value / 64) << value;
  }
}

TEST(LatencyHistogram, TheLargestValueHasAPlace) {
  EXPECT_EQ(of({UINT64_MAX}).percentile(1.0), UINT64_MAX);
}

}  // namespace
}  // namespace sluice::bench

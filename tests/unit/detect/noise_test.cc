// SPDX-License-Identifier: Apache-2.0
//
// On their scales counts and ratios have noise of one size.
#include "controlplane/detect/noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "controlplane/detect/moving_average.h"

namespace sluice::controlplane {
namespace {

constexpr int kDraws = 20'000;

TEST(CountNoise, HasADeviationOfOneWhateverTheRate) {
  std::mt19937_64 random(1);
  for (const double dispersion : {0.0025, 0.01, 0.04}) {
    for (const double mean : {2.0, 10.0, 100.0, 10'000.0}) {
      SCOPED_TRACE(testing::Message() << "mean " << mean << " dispersion " << dispersion);
      const CountNoise noise{.grain = 1, .dispersion = dispersion};
      std::gamma_distribution<double> rate(1 / dispersion, mean * dispersion);
      MovingAverage residuals(kDraws);
      for (int i = 0; i < kDraws; ++i) {
        const auto count = std::poisson_distribution<int64_t>(rate(random))(random);
        residuals.add(noise.place(static_cast<double>(count)) - noise.expected_place(mean));
      }
      EXPECT_NEAR(residuals.variance(), 1, 0.12);
      EXPECT_NEAR(residuals.mean(), 0, 0.12);
    }
  }
}

TEST(CountNoise, CountsInGrains) {
  const CountNoise flows{.grain = 1, .dispersion = 0.01};
  const CountNoise bytes{.grain = 40'000, .dispersion = 0.01};
  EXPECT_DOUBLE_EQ(bytes.place(40'000 * 12), flows.place(12));
  EXPECT_DOUBLE_EQ(bytes.deviation(40'000 * 12), 40'000 * flows.deviation(12));
}

TEST(CountNoise, FindsTheMeanOfAPlace) {
  const CountNoise noise{.grain = 3, .dispersion = 0.02};
  for (const double mean : {0.0, 0.5, 7.0, 1e9})
    EXPECT_NEAR(noise.mean_at(noise.expected_place(mean)), mean, 1e-9 * (1 + mean));
  EXPECT_EQ(noise.mean_at(-5), 0);
}

TEST(RatioNoise, HasItsDeviationWhateverTheRatio) {
  std::mt19937_64 random(2);
  for (const double ratio : {0.05, 0.3, 0.5, 0.98}) {
    for (const int trials : {100, 3000}) {
      SCOPED_TRACE(testing::Message() << ratio << " of " << trials);
      const RatioNoise noise{.trials = static_cast<double>(trials), .dispersion = 0};
      std::binomial_distribution<int> draw(trials, ratio);
      MovingAverage residuals(kDraws);
      for (int i = 0; i < kDraws; ++i) {
        const double observed = static_cast<double>(draw(random)) / trials;
        residuals.add((noise.place(observed) - noise.expected_place(ratio)) / noise.deviation());
      }
      EXPECT_NEAR(residuals.variance(), 1, 0.1);
      EXPECT_NEAR(residuals.mean(), 0, 0.1);
    }
  }
}

TEST(RatioNoise, FindsTheRatioOfAPlace) {
  const RatioNoise noise{.trials = 40, .dispersion = 0.0001};
  for (const double ratio : {0.0, 0.01, 0.5, 1.0})
    EXPECT_NEAR(noise.mean_at(noise.expected_place(ratio)), ratio, 1e-9);
  EXPECT_EQ(noise.mean_at(9), 1);
}

}  // namespace
}  // namespace sluice::controlplane

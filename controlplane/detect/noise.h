// SPDX-License-Identifier: Apache-2.0
//
// Scales on which the noise of counts and of ratios has the same size everywhere.
#pragma once

namespace sluice::controlplane {

// A count of events of which each adds `grain`, with the variance
// grain * mean + dispersion * mean².
// Source: F. J. Anscombe, "The transformation of Poisson, binomial and negative-binomial data",
// Biometrika 35 (1948): negative-binomial data.
struct CountNoise {
  double grain = 1;       // above 0
  double dispersion = 0;  // above 0: the square of the relative deviation that no rate lessens

  // The place of a count on a scale on which its standard deviation is 1.
  double place(double value) const;
  // The mean place of counts around `mean`.
  double expected_place(double mean) const;
  double mean_at(double place) const;  // the inverse
  // Of counts around `mean`, at least one event.
  double deviation(double mean) const;
};

// A ratio of trials with the variance of independent trials and, on the angle, `dispersion`.
// Source: Anscombe (1948): binomial data.
struct RatioNoise {
  double trials = 1;      // above 0
  double dispersion = 0;  // of the angle, in square radians

  double place(double ratio) const;
  double expected_place(double ratio) const;
  double mean_at(double place) const;
  // Of a place, in radians.
  double deviation() const;
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The distributions and the test that rollouts and share checks are judged by.
// Source: Numerical Recipes, 3rd edition, sections 6.2 (incomplete gamma) and 6.4 (incomplete
// beta).
#include "controlplane/rollout/statistics.h"

#include <cmath>
#include <limits>

namespace sluice::controlplane {
namespace {

constexpr int kTermsMax = 10'000;  // both expansions need about sqrt(arguments) terms
constexpr double kSmallest = 1e-300;
constexpr double kPrecision = 1e-14;

double apart_from_zero(double value) {
  return std::fabs(value) < kSmallest ? kSmallest : value;
}

// Lentz's evaluation of the continued fraction of the incomplete beta function.
double beta_fraction(double a, double b, double x) {
  double c = 1;
  double d = 1 / apart_from_zero(1 - (a + b) * x / (a + 1));
  double value = d;
  for (int m = 1; m <= kTermsMax; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / apart_from_zero(1 + even * d);
    c = apart_from_zero(1 + even / c);
    value *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / apart_from_zero(1 + odd * d);
    c = apart_from_zero(1 + odd / c);
    const double factor = d * c;
    value *= factor;
    if (std::fabs(factor - 1) < kPrecision) break;
  }
  return value;
}

// The regularised incomplete beta function.
double beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x));
  // Each fraction converges fast on its own side only.
  if (x < (a + 1) / (a + b + 2)) return front * beta_fraction(a, b, x) / a;
  return 1 - front * beta_fraction(b, a, 1 - x) / b;
}

double gamma_lower_series(double a, double x) {
  double term = 1 / a;
  double sum = term;
  for (int n = 1; n <= kTermsMax && std::fabs(term) > std::fabs(sum) * kPrecision; ++n) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * std::exp(-x + a * std::log(x) - std::lgamma(a));
}

double gamma_upper_fraction(double a, double x) {
  double b = x + 1 - a;
  double c = 1 / kSmallest;
  double d = 1 / apart_from_zero(b);
  double value = d;
  for (int n = 1; n <= kTermsMax; ++n) {
    const double numerator = -n * (n - a);
    b += 2;
    d = 1 / apart_from_zero(numerator * d + b);
    c = apart_from_zero(b + numerator / c);
    const double factor = d * c;
    value *= factor;
    if (std::fabs(factor - 1) < kPrecision) break;
  }
  return value * std::exp(-x + a * std::log(x) - std::lgamma(a));
}

double squared_error(const Moments& moments) {
  return moments.count == 0 ? 0 : moments.variance / static_cast<double>(moments.count);
}

double error_share(const Moments& moments) {
  if (moments.count < 2) return 0;
  const double error = squared_error(moments);
  return error * error / static_cast<double>(moments.count - 1);
}

}  // namespace

double student_upper_tail(double t, double degrees) {
  const double both = beta(degrees / 2, 0.5, degrees / (degrees + t * t));
  return t >= 0 ? both / 2 : 1 - both / 2;
}

double chi_squared_upper_tail(double x, double degrees) {
  if (x <= 0) return 1;
  const double a = degrees / 2;
  return x / 2 < a + 1 ? 1 - gamma_lower_series(a, x / 2) : gamma_upper_fraction(a, x / 2);
}

double welch_p_value(const Moments& candidate, const Moments& stable, double bound) {
  if (candidate.count < 2) return 1;
  const double error = squared_error(candidate) + squared_error(stable);
  const double excess = candidate.mean - stable.mean - bound;
  if (error <= 0) return excess > 0 ? 0 : 1;
  const double shares = error_share(candidate) + error_share(stable);
  // A known mean adds no uncertainty; without variance on either side there are no degrees to lose.
  const double degrees =
      shares > 0 ? error * error / shares : static_cast<double>(candidate.count - 1);
  return student_upper_tail(excess / std::sqrt(error), degrees);
}

}  // namespace sluice::controlplane

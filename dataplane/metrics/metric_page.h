// SPDX-License-Identifier: Apache-2.0
//
// What a scrape shows, put together family by family.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "prometheus/metric_family.h"

namespace sluice {

using MetricLabels = std::vector<std::pair<std::string, std::string>>;
using MetricFamilies = std::vector<prometheus::MetricFamily>;

// Observations by size. Shape: `counts` has one more than `bounds`, for what is above all of them.
struct HistogramValues {
  std::span<const double> bounds;  // upper, ascending
  std::span<const uint64_t> counts;
  double sum = 0;
};

// Names and units follow Prometheus' rules: base units, `_total` for counters.
// Thread: one at a time.
class MetricPage {
 public:
  // Begins a family; what is added next is of it.
  void counter(const std::string& name, const std::string& help);
  void gauge(const std::string& name, const std::string& help);
  void histogram(const std::string& name, const std::string& help);

  void add(const MetricLabels& labels, double value);
  void add(const MetricLabels& labels, const HistogramValues& values);
  // A counter or a gauge of one value without labels.
  void add(double value) { add({}, value); }

  // Families without a value are left out.
  MetricFamilies finish() &&;

 private:
  void begin(const std::string& name, const std::string& help, prometheus::MetricType type);
  prometheus::ClientMetric& next(const MetricLabels& labels);

  MetricFamilies families_;
};

}  // namespace sluice

// SPDX-License-Identifier: Apache-2.0
//
// What a scrape shows, put together family by family.
#include "dataplane/metrics/metric_page.h"

#include <limits>

namespace sluice {

void MetricPage::begin(const std::string& name, const std::string& help,
                       prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  families_.push_back(std::move(family));
}

void MetricPage::counter(const std::string& name, const std::string& help) {
  begin(name, help, prometheus::MetricType::Counter);
}

void MetricPage::gauge(const std::string& name, const std::string& help) {
  begin(name, help, prometheus::MetricType::Gauge);
}

void MetricPage::histogram(const std::string& name, const std::string& help) {
  begin(name, help, prometheus::MetricType::Histogram);
}

prometheus::ClientMetric& MetricPage::next(const MetricLabels& labels) {
  prometheus::ClientMetric& metric = families_.back().metric.emplace_back();
  for (const auto& [name, value] : labels)
    metric.label.push_back({name, value});
  return metric;
}

void MetricPage::add(const MetricLabels& labels, double value) {
  prometheus::ClientMetric& metric = next(labels);
  if (families_.back().type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
}

void MetricPage::add(const MetricLabels& labels, const HistogramValues& values) {
  prometheus::ClientMetric::Histogram& histogram = next(labels).histogram;
  uint64_t below = 0;
  for (size_t i = 0; i < values.counts.size(); ++i) {
    below += values.counts[i];
    const bool is_last = i == values.bounds.size();
    histogram.bucket.push_back(
        {below, is_last ? std::numeric_limits<double>::infinity() : values.bounds[i]});
  }
  histogram.sample_count = below;
  histogram.sample_sum = values.sum;
}

MetricFamilies MetricPage::finish() && {
  std::erase_if(families_, [](const auto& family) { return family.metric.empty(); });
  return std::move(families_);
}

}  // namespace sluice

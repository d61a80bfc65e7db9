// SPDX-License-Identifier: Apache-2.0
//
// How a rollout judges its candidate: ranges of the analysis, sources of its metrics.
#include <cmath>
#include <map>

#include "controlplane/policy/checker.h"
#include "controlplane/policy/defaults.h"
#include "dataplane/yaml/nearest_name.h"
#include "dataplane/yaml/read_message.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

constexpr DurationRange kWindow = {5 * kSecondNs, 3'600 * kSecondNs};
constexpr DurationRange kAge = {1 * kSecondNs, 60 * kSecondNs};
constexpr DurationRange kStaleAfter = {1 * kSecondNs, 86'400 * kSecondNs};
constexpr Range kExcess = {1, 1'000'000};
constexpr Range kSlowerBy = {1, 10'000};        // percent
constexpr Range kClients = {2, 1'000'000'000};  // one client is no sample

void check_prometheus(Checker& checker, const std::string& path, const v1::PrometheusQuery& query) {
  if (query.url().empty()) {
    checker.add(path + ".url", "is required, such as http://prometheus:9090");
  } else if (query.url().starts_with("https://")) {
    checker.refuse_unbuilt(path + ".url", "https is");
  } else if (!query.url().starts_with("http://")) {
    checker.add(path + ".url", fmt::format("{} must begin with http://", quote(query.url())));
  }
  if (query.query().empty()) checker.add(path + ".query", "is required: PromQL with one value");
}

void check_bounds(Checker& checker, const std::string& path, const v1::RolloutMetric& metric) {
  const auto check_finite = [&](const char* field, double bound) {
    if (!std::isfinite(bound)) checker.add(path + field, "must be finite");
  };
  if (metric.has_min()) check_finite(".min", metric.min());
  if (metric.has_max()) check_finite(".max", metric.max());
  if (!metric.has_min() && !metric.has_max()) {
    checker.add(path, "needs a bound: min, max or both");
  } else if (metric.has_min() && metric.has_max() && metric.min() > metric.max()) {
    checker.add(path + ".max",
                fmt::format("must be at least min, {}, not {}", metric.min(), metric.max()));
  }
}

void check_metrics(Checker& checker, const std::string& path, const v1::RolloutAnalysis& analysis) {
  std::map<std::string, std::string> paths;  // by name
  std::set<std::string> keys;
  for (int i = 0; i < analysis.metrics_size(); ++i) {
    const v1::RolloutMetric& metric = analysis.metrics(i);
    const std::string key = element_key(metric.name(), static_cast<size_t>(i), keys);
    const std::string element = fmt::format("{}[{}]", path, key);
    if (metric.name().empty()) {
      checker.add(element + ".name", "is required");
    } else if (!is_object_name(metric.name())) {
      checker.add(element + ".name",
                  fmt::format("{} is no name; lower-case letters, digits and dashes, at most 63, "
                              "no dash first or last",
                              quote(metric.name())));
    } else if (const auto [first, added] = paths.try_emplace(metric.name(), element); !added) {
      checker.add(element + ".name",
                  fmt::format("{} is taken by another metric of the rollout{}",
                              quote(metric.name()), checker.place(first->second)));
    }
    if (metric.has_prometheus())
      check_prometheus(checker, element + ".prometheus", metric.prometheus());
    check_bounds(checker, element, metric);
    if (metric.has_stale_after())
      checker.check_duration(element + ".stale_after", metric.stale_after(), kStaleAfter);
  }
}

}  // namespace

void check_rollout_analysis(Checker& checker, const std::string& path,
                            const v1::RolloutSpec& rollout) {
  const v1::RolloutAnalysis& analysis = rollout.analysis();
  if (analysis.has_window()) checker.check_duration(path + ".window", analysis.window(), kWindow);
  if (analysis.has_age()) checker.check_duration(path + ".age", analysis.age(), kAge);
  if (analysis.has_max_excess())
    checker.check_range(path + ".max_excess", analysis.max_excess(), kExcess);
  if (analysis.has_slower_by())
    checker.check_range(path + ".slower_by", analysis.slower_by(), kSlowerBy);
  if (analysis.has_min_clients())
    checker.check_range(path + ".min_clients", analysis.min_clients(), kClients);
  check_metrics(checker, path + ".metrics", analysis);
}

}  // namespace sluice::controlplane

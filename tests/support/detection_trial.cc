// SPDX-License-Identifier: Apache-2.0
//
// What detection found of the anomalies of generated days, and what else it said.
#include "tests/support/detection_trial.h"

#include <algorithm>

namespace sluice::controlplane {
namespace {

constexpr int64_t kAfterMinutes = 30;

bool is_of(const Finding& finding, size_t service) {
  const std::string name = GeneratedDays::name(service);
  return finding.subject.name == name || finding.subject.name.starts_with(name + "/");
}

bool shows(const Finding& finding, Planted kind) {
  const bool is_up = finding.change.direction == Direction::kUp;
  switch (kind) {
    case Planted::kSpike:
    case Planted::kRamp:
      return finding.metric == Metric::kNewFlows && is_up;
    case Planted::kDrop:
      return finding.metric == Metric::kNewFlows && !is_up;
    case Planted::kSynFlood:
      return finding.metric == Metric::kSynFlood;
    case Planted::kResets:
      return finding.metric == Metric::kResets;
    case Planted::kRefusals:
      return finding.metric == Metric::kRefusals;
    case Planted::kShare:
      return finding.metric == Metric::kShare;
    case Planted::kAbuse:
      return finding.metric == Metric::kTopClientShare;
  }
  return false;
}

std::string text(const Finding& finding, int64_t minute) {
  return std::to_string(minute) + " " + finding.subject.name + " " +
         std::string(metric_name(finding.metric)) + " " +
         std::string(direction_name(finding.change.direction));
}

void judge(const Finding& finding, int64_t minute, DetectionTrial& trial) {
  for (size_t service = 0; service < GeneratedDays::kServices; ++service) {
    if (!is_of(finding, service)) continue;
    bool is_explained = false;
    for (FoundAnomaly& anomaly : trial.anomalies) {
      const Anomaly& planted = anomaly.planted;
      if (planted.service != service || minute < planted.from) continue;
      is_explained = is_explained || minute < planted.to + kAfterMinutes;
      const bool finds = minute < planted.to && shows(finding, planted.kind);
      if (finds && anomaly.found < 0) anomaly.found = minute;
    }
    if (!is_explained) trial.false_alarms[service].push_back(text(finding, minute));
  }
}

}  // namespace

size_t DetectionTrial::found() const {
  return static_cast<size_t>(
      std::count_if(anomalies.begin(), anomalies.end(),
                    [](const FoundAnomaly& anomaly) { return anomaly.found >= 0; }));
}

double DetectionTrial::recall() const {
  return static_cast<double>(found()) / static_cast<double>(anomalies.size());
}

DetectionTrial try_detection(uint64_t seed, int days, const PatternsSettings& settings) {
  GeneratedDays traffic(seed, days);
  DetectionTrial trial;
  for (const Anomaly& planted : traffic.anomalies())
    trial.anomalies.push_back({planted});
  Patterns patterns(settings);
  while (traffic.minute() < days * GeneratedDays::kMinutesPerDay) {
    const int64_t minute = traffic.minute();
    const std::vector<Observation> observations = traffic.next();
    for (const Finding& finding : patterns.observe(traffic.end(), observations))
      if (finding.change.edge == Edge::kBegin) judge(finding, minute, trial);
  }
  return trial;
}

}  // namespace sluice::controlplane

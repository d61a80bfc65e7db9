// SPDX-License-Identifier: Apache-2.0
//
// Tells how detection does on generated days, or prints one service's day for
// scripts/detect_chart.py.
#include <algorithm>
#include <array>
#include <cstdint>
#include <iostream>
#include <map>
#include <string>

#include "controlplane/detect/series.h"
#include "tests/support/detection_trial.h"

namespace sluice::controlplane {
namespace {

constexpr int kDays = 8;  // as in detect_days_test.cc
constexpr const char* kUsage =
    "Usage: detect_days FIRST_SEED LAST_SEED    recall by kind, false alarms by service\n"
    "       detect_days SEED SERVICE DAY        new flows of a service's day as CSV; days from 1\n";

struct KindCount {
  int planted = 0;
  int found = 0;
  int64_t delay = 0;  // minutes, summed over those found
};

void print_kind(std::string_view name, const KindCount& count) {
  std::cout << name << ": " << count.found << " of " << count.planted << ", after "
            << static_cast<double>(count.delay) / std::max(count.found, 1) << " min\n";
}

void print_summary(uint64_t first_seed, uint64_t last_seed) {
  std::array<KindCount, kPlantedCount> kinds;
  std::array<size_t, GeneratedDays::kServices> alarms{};
  for (uint64_t seed = first_seed; seed <= last_seed; ++seed) {
    const DetectionTrial trial = try_detection(seed, kDays);
    for (const FoundAnomaly& anomaly : trial.anomalies) {
      KindCount& count = kinds[static_cast<size_t>(anomaly.planted.kind)];
      ++count.planted;
      if (anomaly.found < 0) continue;
      ++count.found;
      count.delay += anomaly.found - anomaly.planted.from + 1;
    }
    for (size_t i = 0; i < alarms.size(); ++i)
      alarms[i] += trial.false_alarms[i].size();
  }
  KindCount all;
  for (size_t i = 0; i < kinds.size(); ++i) {
    print_kind(planted_name(static_cast<Planted>(i)), kinds[i]);
    all.planted += kinds[i].planted;
    all.found += kinds[i].found;
    all.delay += kinds[i].delay;
  }
  print_kind("all", all);
  const auto days = static_cast<double>((last_seed - first_seed + 1) * kDays);
  for (size_t i = 0; i < alarms.size(); ++i)
    std::cout << GeneratedDays::name(i) << ", " << GeneratedDays::kRates[i]
              << " flows per minute: " << static_cast<double>(alarms[i]) / days
              << " false alarms per day\n";
}

void print_day(uint64_t seed, size_t service, int64_t day) {
  GeneratedDays traffic(seed, kDays);
  Series series(Metric::kNewFlows, DetectorSettings());
  std::cout << "minute,value,expected,low,high,planted,found\n";
  while (traffic.minute() < (day + 1) * GeneratedDays::kMinutesPerDay) {
    const int64_t minute = traffic.minute();
    for (const Observation& observation : traffic.next()) {
      if (observation.subject.name != GeneratedDays::name(service)) continue;
      const auto flows = static_cast<double>(*observation.new_flows);
      series.observe(minute, traffic.end(), CountSample{.value = flows});
    }
    if (minute < day * GeneratedDays::kMinutesPerDay) continue;
    std::string planted;
    for (const Anomaly& anomaly : traffic.anomalies()) {
      if (anomaly.service == service && anomaly.from <= minute && minute < anomaly.to)
        planted = planted_name(anomaly.kind);
    }
    const Point point = series.recent().back();
    std::cout << minute % GeneratedDays::kMinutesPerDay << ',' << point.value << ','
              << point.expected << ',' << point.low << ',' << point.high << ',' << planted << ','
              << series.active().has_value() << '\n';
  }
}

}  // namespace
}  // namespace sluice::controlplane

int main(int argc, char** argv) {
  if (argc == 3) {
    sluice::controlplane::print_summary(std::stoull(argv[1]), std::stoull(argv[2]));
  } else if (argc == 4) {
    sluice::controlplane::print_day(std::stoull(argv[1]), std::stoull(argv[2]),
                                    std::stoll(argv[3]));
  } else {
    std::cerr << sluice::controlplane::kUsage;
    return 3;
  }
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
//
// What detection found of the anomalies of generated days, and what else it said.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/detect/patterns.h"
#include "tests/support/generated_days.h"

namespace sluice::controlplane {

struct FoundAnomaly {
  Anomaly planted;
  int64_t found = -1;  // minute at whose end it was said; -1: never
};

struct DetectionTrial {
  std::vector<FoundAnomaly> anomalies;
  // Beginnings at a service or its pools while nothing planted there lasted, nor had in the half
  // hour before: in that time what ends may deviate the other way.
  std::array<std::vector<std::string>, GeneratedDays::kServices> false_alarms;

  size_t found() const;
  double recall() const;
};

// An anomaly is found by a beginning of its own metric and direction, at its service or one of its
// pools, before it is over.
DetectionTrial try_detection(uint64_t seed, int days, const PatternsSettings& settings = {});

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Counts results in a row.
#include "dataplane/daemon/health_state.h"

namespace sluice::dataplane {

bool HealthState::observe(ProbeResult result, const HealthThresholds& thresholds) noexcept {
  const Health proposed = result == ProbeResult::kSuccess ? Health::kUp : Health::kDown;
  if (proposed == health_) {
    contradictions_ = 0;
    return false;
  }
  // An unknown backend is contradicted by both results; only a row of equal ones counts.
  contradictions_ = contradictions_ > 0 && result == last_ ? contradictions_ + 1 : 1;
  last_ = result;
  if (contradictions_ < (proposed == Health::kUp ? thresholds.rise : thresholds.fall)) return false;
  health_ = proposed;
  contradictions_ = 0;
  return true;
}

}  // namespace sluice::dataplane

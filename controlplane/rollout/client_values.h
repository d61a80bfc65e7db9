// SPDX-License-Identifier: Apache-2.0
//
// One value per client and signal, from the flows of one cohort.
#pragma once

#include <array>
#include <span>
#include <vector>

#include "controlplane/rollout/observation_window.h"
#include "controlplane/rollout/statistics.h"

namespace sluice::controlplane {

// What is compared. Of a share the value is the part of the client's flows; of a time it is the
// logarithm of the client's median in microseconds.
enum class Signal {
  kUnanswered,  // no second segment of the client by the age
  kSynRetransmissions,
  kHandshakeTime,
  kNoResponse,    // of flows with a request: no progress by the age
  kResponseTime,  // of flows with a request; what has not come counts as the age
  kBytesServed,   // flows to which not one byte was served by the age
  kReconnects,
  kClientResets,
};
inline constexpr size_t kSignals = 8;

inline bool is_time(Signal signal) {
  return signal == Signal::kHandshakeTime || signal == Signal::kResponseTime;
}

// Per signal the moments over clients, with a variance that is not taken for zero where all
// clients agree by chance.
using Cohort = std::array<Moments, kSignals>;

Cohort cohort_of(std::vector<ObservedFlow> flows);

}  // namespace sluice::controlplane

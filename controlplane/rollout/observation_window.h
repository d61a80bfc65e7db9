// SPDX-License-Identifier: Apache-2.0
//
// The flows of one rollout that were observed lately, and the counts of its present step.
#pragma once

#include <cstdint>
#include <deque>

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"
#include "sluice/v1/audit.pb.h"

namespace sluice::controlplane {

// What analysis takes of a `v1::FlowObservation`.
struct ObservedFlow {
  uint64_t client = 0;
  absl::Time start;
  uint32_t age_ms = 0;
  uint32_t syn_retransmissions = 0;
  uint32_t handshake_us = 0;
  uint32_t request_bytes = 0;
  uint32_t response_us = 0;
  uint64_t response_bytes = 0;
  bool is_candidate = false;
  bool was_reset = false;
  bool is_reconnect = false;
};

ObservedFlow to_observed_flow(const v1::FlowObservation& observation);

class ObservationWindow {
 public:
  // The counts begin anew with flows that open from `start` on.
  void begin_step(absl::Time start);
  void add(const v1::FlowObservation& observation);
  // Forgets what opened before.
  void forget_before(absl::Time time);

  const std::deque<ObservedFlow>& flows() const { return flows_; }
  // Of the candidate in this step.
  uint64_t step_flows() const { return step_flows_; }
  uint64_t step_clients() const { return step_clients_.size(); }

 private:
  std::deque<ObservedFlow> flows_;  // roughly in the order of their start
  absl::Time step_start_ = absl::InfinitePast();
  uint64_t step_flows_ = 0;
  absl::flat_hash_set<uint64_t> step_clients_;
};

}  // namespace sluice::controlplane

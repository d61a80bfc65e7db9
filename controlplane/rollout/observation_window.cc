// SPDX-License-Identifier: Apache-2.0
//
// The flows of one rollout that were observed lately, and the counts of its present step.
#include "controlplane/rollout/observation_window.h"

#include "controlplane/rollout/proto_time.h"

namespace sluice::controlplane {
namespace {

// More say nothing that these do not, and would make each look at them slow.
constexpr size_t kFlowsMax = 400'000;
// A step asks for thousands of clients; beyond this they are only counted as "at least so many".
constexpr size_t kStepClientsMax = 1'000'000;

// IPv4 addresses and IPv6 prefixes of global clients do not meet: those begin at 2000::/3.
uint64_t client_key(const std::string& client) {
  uint64_t key = 0;
  for (const char byte : client.substr(0, 8))
    key = key << 8 | static_cast<uint8_t>(byte);
  return key;
}

}  // namespace

ObservedFlow to_observed_flow(const v1::FlowObservation& observation) {
  return {
      .client = client_key(observation.client()),
      .start = time_from(observation.start_time()),
      .age_ms = observation.age_ms(),
      .syn_retransmissions = observation.syn_retransmissions(),
      .handshake_us = observation.handshake_us(),
      .request_bytes = observation.request_bytes(),
      .response_us = observation.response_us(),
      .response_bytes = observation.response_bytes(),
      .is_candidate = observation.is_candidate(),
      .was_reset = observation.was_reset(),
      .is_reconnect = observation.is_reconnect(),
  };
}

void ObservationWindow::begin_step(absl::Time start) {
  step_start_ = start;
  step_flows_ = 0;
  step_clients_.clear();
}

void ObservationWindow::add(const v1::FlowObservation& observation) {
  const ObservedFlow flow = to_observed_flow(observation);
  if (flow.is_candidate && flow.start >= step_start_) {
    ++step_flows_;
    if (step_clients_.size() < kStepClientsMax) step_clients_.insert(flow.client);
  }
  flows_.push_back(flow);
  if (flows_.size() > kFlowsMax) flows_.pop_front();
}

void ObservationWindow::forget_before(absl::Time time) {
  while (!flows_.empty() && flows_.front().start < time)
    flows_.pop_front();
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// A rollout of three steps and short ways to drive it.
#pragma once

#include <string>

#include "controlplane/rollout/machine.h"
#include "controlplane/rollout/proto_time.h"

namespace sluice::controlplane {

inline const absl::Time kStart = absl::FromUnixSeconds(1'800'000'000);

inline google::protobuf::Duration seconds(int64_t count) {
  google::protobuf::Duration duration;
  duration.set_seconds(count);
  return duration;
}

// 1 % for 60 s with 100 flows of 20 clients, 10 % for 60 s, 100 %; no bake, no deadline.
inline v1::Rollout three_steps() {
  v1::Rollout rollout;
  rollout.mutable_metadata()->set_name("v2");
  v1::RolloutSpec& spec = *rollout.mutable_spec();
  spec.set_route("chat");
  spec.set_stable("blue");
  spec.set_candidate("green");
  for (const uint32_t weight : {10'000u, 100'000u, 1'000'000u}) {
    v1::RolloutStep& step = *spec.add_steps();
    step.set_weight(weight);
    *step.mutable_for_() = seconds(60);
  }
  spec.mutable_steps(0)->set_min_flows(100);
  spec.mutable_steps(0)->set_min_clients(20);
  return rollout;
}

inline RolloutEvidence evidence(v1::RolloutVerdict::Result result, absl::Time now,
                                uint64_t flows = 1000, uint64_t clients = 100) {
  RolloutEvidence seen;
  seen.flows = flows;
  seen.clients = clients;
  seen.verdict.set_result(result);
  *seen.verdict.mutable_time() = to_timestamp(now);
  v1::RolloutCheck& check = *seen.verdict.add_checks();
  check.set_name("unanswered");
  check.set_result(result);
  check.set_message("as the test says");
  return seen;
}

inline RolloutEvidence passing(absl::Time now) {
  return evidence(v1::RolloutVerdict::RESULT_PASS, now);
}
inline RolloutEvidence failing(absl::Time now) {
  return evidence(v1::RolloutVerdict::RESULT_FAIL, now);
}
inline RolloutEvidence no_data(absl::Time now) {
  return evidence(v1::RolloutVerdict::RESULT_NO_DATA, now);
}

inline v1::SteerRolloutRequest command(v1::SteerRolloutRequest::Action action,
                                       const std::string& message = "") {
  v1::SteerRolloutRequest request;
  request.set_rollout("v2");
  request.set_action(action);
  request.set_message(message);
  return request;
}

}  // namespace sluice::controlplane

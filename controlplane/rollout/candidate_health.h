// SPDX-License-Identifier: Apache-2.0
//
// Whether the candidate has `min_up` backends on every node that answers.
#pragma once

#include <map>
#include <span>
#include <string>

#include "absl/time/time.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// Of one rollout.
class CandidateHealth {
 public:
  // The check "min_up": FAIL when a node has seen too few backends up for some seconds, NO_DATA
  // before that and when no node answers.
  v1::RolloutCheck look(const v1::Pool& pool, std::span<const v1::NodeEntry> nodes, absl::Time now);

 private:
  std::map<std::string, absl::Time> below_since_;  // by node
};

}  // namespace sluice::controlplane

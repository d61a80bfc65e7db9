// SPDX-License-Identifier: Apache-2.0
//
// The state machine of a rollout: what follows from its status, its object, the time and what was
// seen.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// What was seen of the candidate since its present step began.
struct RolloutEvidence {
  uint64_t flows = 0;    // new ones
  uint64_t clients = 0;  // distinct ones
  v1::RolloutVerdict verdict;
  // The route itself names the candidate, in its split or as a fallback: flows that it gets by
  // right would be reset with the others, so an eviction has to be short.
  bool candidate_is_shared = false;
};

// One step of the machine, for the log.
struct RolloutMove {
  std::string kind;    // "start", "step", "pause", "resume", "bake", "success", "rollback" …
  std::string reason;  // why
};

struct RolloutOutcome {
  v1::RolloutStatus status;
  std::vector<RolloutMove> moves;  // in order; empty: nothing happened that anybody must be told
};

// Of a rollout that nobody has started.
v1::RolloutStatus pending_status(const v1::Rollout& rollout);

// Whether the rollout goes on by itself: progressing, paused or baking.
bool is_live(const v1::RolloutStatus& status);

// What time and evidence make of `status`. The weight rises only with a verdict of PASS over this
// step, and never after a failure or an abort. A clock that went back restarts the step.
RolloutOutcome advance(const v1::RolloutStatus& status, const v1::Rollout& rollout, absl::Time now,
                       const RolloutEvidence& evidence);

// What a person's command makes of it.
// Errors: FAILED_PRECONDITION (not in this phase; promotion of what fails), INVALID_ARGUMENT (no
// action).
absl::StatusOr<RolloutOutcome> steer(const v1::RolloutStatus& status, const v1::Rollout& rollout,
                                     absl::Time now, const v1::SteerRolloutRequest& command);

// `status`, waiting for a person because its next step could not be put into force.
RolloutOutcome hold(const v1::RolloutStatus& status, const std::string& reason);

// Whether the forwarding table of one differs from the other's; else only the record does.
bool steers_alike(const v1::RolloutStatus& a, const v1::RolloutStatus& b);
// Whether they agree in all that has to survive a restart; counts and the verdict do not.
bool same_position(const v1::RolloutStatus& a, const v1::RolloutStatus& b);

// "progressing", "paused" …
std::string phase_text(v1::RolloutPhase phase);

}  // namespace sluice::controlplane

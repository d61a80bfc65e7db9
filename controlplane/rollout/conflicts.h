// SPDX-License-Identifier: Apache-2.0
//
// What an edit of the policy means for rollouts that are under way.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// Why `desired` may not follow `running` with the rollouts where they are, a line each: it edits a
// split that a live rollout divides, and keeps that rollout.
std::vector<std::string> conflicts(std::span<const v1::RolloutStatus> statuses,
                                   const v1::Policy& running, const v1::Policy& desired);

// The statuses once `desired` is in force. A rollout that is deleted or says something else has
// none: it starts anew. One that says only `paused` anew is paused or goes on. A succeeded one ends
// to hold its share when the split of its route is edited.
std::vector<v1::RolloutStatus> statuses_under(std::span<const v1::RolloutStatus> statuses,
                                              const v1::Policy& running, const v1::Policy& desired);

// The same for a policy that was in force before. `past` says how far rollouts were when that one
// was replaced, and when each later one was. One that had succeeded then, and neither failed nor
// was aborted since, holds its share again. Every other rollout that comes back is aborted, and not
// started by anybody's going back. What a person commanded of a live one stands.
std::vector<v1::RolloutStatus> statuses_back_under(std::span<const v1::RolloutStatus> statuses,
                                                   const v1::Policy& running,
                                                   const v1::Policy& desired,
                                                   std::span<const v1::ListRolloutsResponse> past);

// Null: there is none.
const v1::Rollout* find_rollout(const v1::Policy& policy, const std::string& name);
const v1::Route* find_route(const v1::Policy& policy, const std::string& name);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What stands against a change that the planner accepts: who asks, how much moves, how long.
#pragma once

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controlplane/service/caller.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// Nobody can hold a revision without approvals longer than this.
inline constexpr absl::Duration kBreakGlassMax = absl::Hours(1);
// A wait that nobody could make use of, and one that was surely not meant.
inline constexpr absl::Duration kConfirmMin = absl::Seconds(1);
inline constexpr absl::Duration kConfirmMax = absl::Hours(24 * 7);

// Of the request alone.
// Errors: INVALID_ARGUMENT (times, break-glass without a reason), PERMISSION_DENIED (role).
absl::Status check_request(const v1::ApplyRequest& request, const Caller& caller);

// Errors: FAILED_PRECONDITION, naming the first service or node where more moves.
absl::Status check_moved(const v1::PlanResponse& plan, const v1::ApplyRequest& request);

// Errors: FAILED_PRECONDITION (a guardrail asks for approvals, and nobody can be told apart).
absl::Status check_identities(const v1::Policy& desired, const Caller& caller);

}  // namespace sluice::controlplane

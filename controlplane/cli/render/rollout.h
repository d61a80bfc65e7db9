// SPDX-License-Identifier: Apache-2.0
//
// Rollouts and their progress for people.
#pragma once

#include <ostream>

#include "absl/time/time.h"
#include "controlplane/cli/render/table.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane::cli {

using RolloutStatuses = google::protobuf::RepeatedPtrField<v1::RolloutStatus>;

// One line each.
void print_rollouts(std::ostream& out, const RolloutStatuses& rollouts, absl::Time now,
                    const Palette& palette);

// Where it stands: a bar, the step, what it waits for, each check of the last analysis. `rollout`
// is the object of the policy.
void print_progress(std::ostream& out, const v1::RolloutStatus& status, const v1::Rollout& rollout,
                    absl::Time now, const Palette& palette);

}  // namespace sluice::controlplane::cli

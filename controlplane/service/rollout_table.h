// SPDX-License-Identifier: Apache-2.0
//
// Rollouts' statuses on their way into the forwarding table.
#pragma once

#include <string>
#include <vector>

#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// `statuses` with this one in place of that of the same rollout; sorted by name.
std::vector<v1::RolloutStatus> with_status(const std::vector<v1::RolloutStatus>& statuses,
                                           const v1::RolloutStatus& status);

// Its status; unset but for the name where it was never started.
v1::RolloutStatus status_of(const std::vector<v1::RolloutStatus>& statuses,
                            const std::string& rollout);

// Takes back in `table` what `status` no longer gives the candidate, without planning: the lower
// share, or none. Only takes clients from the candidate, so it needs no new proof.
void lower_in_table(const v1::Rollout& rollout, const v1::RolloutStatus& status,
                    v1::ForwardingTable& table);

}  // namespace sluice::controlplane

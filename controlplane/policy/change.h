// SPDX-License-Identifier: Apache-2.0
//
// The policy that results from a change.
#pragma once

#include <string>
#include <vector>

#include "controlplane/policy/parse.h"
#include "controlplane/policy/violation.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

enum class Prune { kNo, kYes };

// Objects of `change` replace those of `running` with the same kind and name whole; with kYes
// nothing of `running` stays. Then each "Kind/name" of `deletions` goes. The result is sorted by
// name within each kind. Appends a violation for a deletion that names nothing.
v1::Policy apply_change(const v1::Policy& running, const v1::Policy& change, Prune prune,
                        const std::vector<std::string>& deletions, Violations& violations);

}  // namespace sluice::controlplane

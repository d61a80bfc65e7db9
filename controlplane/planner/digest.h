// SPDX-License-Identifier: Apache-2.0
//
// The name of exactly one plan: what approvers approve.
#pragma once

#include <cstdint>
#include <string>

#include "controlplane/planner/compile.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// SHA-256, 32 bytes, over the base's revision, the resulting policy and what becomes of forbidden
// pools. The order in which objects were written does not matter.
std::string plan_digest(uint64_t base_revision, const v1::Policy& desired, Forbidden forbidden);

}  // namespace sluice::controlplane

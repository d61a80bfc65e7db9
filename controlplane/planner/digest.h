// SPDX-License-Identifier: Apache-2.0
//
// The name of exactly one plan: what approvers approve, with the terms of `digest_on_terms`.
#pragma once

#include <cstdint>
#include <string>

#include "controlplane/planner/compile.h"
#include "controlplane/policy/change.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// SHA-256, 32 bytes, over the base's revision, what the change makes of each object that it names
// (the base's revision stands for all others), and what becomes of forbidden pools. The order in
// which objects were written does not matter.
std::string plan_digest(uint64_t base_revision, const v1::Policy& desired,
                        const ObjectNames& touched, Forbidden forbidden);

}  // namespace sluice::controlplane

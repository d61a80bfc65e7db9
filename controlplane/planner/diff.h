// SPDX-License-Identifier: Apache-2.0
//
// The difference between two policies, object by object and field by field.
#pragma once

#include <vector>

#include "controlplane/policy/change.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// Of the objects in `touched`. Sorted by kind and name, fields by path. Elements of lists are told
// apart by their name or pool, else by position; the order of such elements means nothing.
std::vector<v1::ObjectDiff> diff_policies(const v1::Policy& before, const v1::Policy& after,
                                          const ObjectNames& touched);

}  // namespace sluice::controlplane

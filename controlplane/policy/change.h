// SPDX-License-Identifier: Apache-2.0
//
// The policy that results from a change.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "controlplane/policy/parse.h"
#include "controlplane/policy/violation.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

enum class Prune { kNo, kYes };

// Names by kind.
using ObjectNames = std::map<std::string, std::set<std::string>>;

struct ChangedPolicy {
  std::shared_ptr<const v1::Policy> policy;
  ObjectNames touched;  // what is not in it is as it was, or neither was nor is
};

// Objects of `change` replace those of `running` with the same kind and name whole; with kYes
// nothing of `running` stays. Then each "Kind/name" of `deletions` goes. The result is sorted by
// name within each kind. Appends a violation for a deletion that names nothing.
ChangedPolicy apply_change(const v1::Policy& running, const v1::Policy& change, Prune prune,
                           const std::vector<std::string>& deletions, Violations& violations);

// The names of all objects of a policy; and those of `more` added to `names`.
ObjectNames all_objects(const v1::Policy& policy);
void add_names(const ObjectNames& more, ObjectNames& names);

}  // namespace sluice::controlplane

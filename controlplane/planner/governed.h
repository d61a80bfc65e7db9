// SPDX-License-Identifier: Apache-2.0
//
// What of a change only an officer may write: guardrails, and the labels that they go by.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "controlplane/policy/change.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// By label key: the first enforcing guardrail, by position, that names it in a selector.
std::map<std::string, std::string> governed_keys(const v1::Policy& policy);

struct GovernedEdit {
  std::string path;    // "Pool/chat-v1-eu.metadata.labels[jurisdiction]", "Guardrail/g"
  std::string reason;  // "guardrail eu-residency goes by this label"
};

// Sorted by path; none: operators may make the change. By the guardrails before and after it: a
// governed label of a class, a pool, a backend or a service that comes, goes or changes on an
// object that is left, the prefixes of a class that carries one, and an address that goes from a
// service to another with other governed labels, or to none. A backend's labels are its address's.
std::vector<GovernedEdit> governed_edits(const v1::Policy& before, const v1::Policy& after,
                                         const ObjectNames& touched);

}  // namespace sluice::controlplane

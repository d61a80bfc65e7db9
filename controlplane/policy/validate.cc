// SPDX-License-Identifier: Apache-2.0
//
// Whether a whole policy is consistent in itself.
#include "controlplane/policy/validate.h"

#include "controlplane/policy/checker.h"

namespace sluice::controlplane {

void validate_policy(const v1::Policy& policy, const ClientSets& clients, const SourceMap& source,
                     Violations& violations) {
  Checker checker(policy, clients, source, violations);
  check_client_classes(checker);
  check_pools(checker);
  check_services(checker);
  check_routes(checker);
  check_guardrails(checker);
  check_rollouts(checker);
}

}  // namespace sluice::controlplane

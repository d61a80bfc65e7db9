// SPDX-License-Identifier: Apache-2.0
//
// Guardrails: selectors, and what is not built yet.
#include "controlplane/policy/checker.h"

namespace sluice::controlplane {

void check_guardrails(Checker& checker) {
  for (int i = 0; i < checker.policy().guardrails_size(); ++i) {
    const v1::Guardrail& guardrail = checker.policy().guardrails(i);
    const v1::GuardrailSpec& spec = guardrail.spec();
    const std::string path = checker.path_of("Guardrail", guardrail, i);
    checker.check_labels(path + ".metadata.labels", guardrail.metadata().labels());
    checker.check_selector(path + ".spec.services", spec.services());
    checker.check_selector(path + ".spec.clients", spec.clients());
    checker.check_selector(path + ".spec.require", spec.require());
    if (spec.mode() == v1::GuardrailSpec::MODE_MONITOR) {
      checker.refuse_unbuilt(path + ".spec.mode", "monitor mode is");
    }
    if (!spec.caps().empty()) checker.refuse_unbuilt(path + ".spec.caps", "caps are");
    if (spec.audit() == v1::GuardrailSpec::AUDIT_FAIL_CLOSED) {
      checker.refuse_unbuilt(path + ".spec.audit", "fail_closed is");
    }
    if (spec.approvals() > 0) checker.refuse_unbuilt(path + ".spec.approvals", "approvals are");
  }
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Guardrails: selectors, caps, approvals.
#include "controlplane/policy/checker.h"
#include "controlplane/policy/selector.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

constexpr Range kMaxShare = {0, 1'000'000};
constexpr Range kApprovals = {0, 100};  // more people than any change finds

void check_cap(Checker& checker, const std::string& path, const v1::ShareCap& cap) {
  if (matches_all(cap.pools())) {
    checker.add(path + ".pools",
                "is required: a selector over pool labels; all pools together have the whole");
  }
  checker.check_selector(path + ".pools", cap.pools());
  checker.check_range(path + ".max_share", cap.max_share(), kMaxShare);
}

}  // namespace

void check_guardrails(Checker& checker) {
  for (int i = 0; i < checker.policy().guardrails_size(); ++i) {
    const v1::Guardrail& guardrail = checker.policy().guardrails(i);
    const v1::GuardrailSpec& spec = guardrail.spec();
    const std::string path = checker.path_of("Guardrail", guardrail, i);
    checker.check_labels(path + ".metadata.labels", guardrail.metadata().labels());
    checker.check_selector(path + ".spec.services", spec.services());
    checker.check_selector(path + ".spec.clients", spec.clients());
    checker.check_selector(path + ".spec.require", spec.require());
    for (int cap = 0; cap < spec.caps_size(); ++cap)
      check_cap(checker, fmt::format("{}.spec.caps[{}]", path, cap), spec.caps(cap));
    checker.check_range(path + ".spec.approvals", spec.approvals(), kApprovals);
  }
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Which flows monitoring guardrails would have refused.
#include "controlplane/planner/would_refuse.h"

#include "tests/unit/planner/compile_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

WouldRefuse of(const std::string& more) {
  const v1::Policy policy = parse_governed(more).policy;
  return WouldRefuse(policy, client_sets(policy));
}

std::string guardrail(const std::string& name, const std::string& rest) {
  return governed_object("Guardrail", name,
                         "clients: {match_labels: {region: eu}}, require: {match_labels: "
                         "{jurisdiction: eu}}" +
                             rest);
}

TEST(WouldRefuse, NamesMonitoringGuardrailsThatCoverTheFlow) {
  const WouldRefuse flows = of(guardrail("b", ", mode: monitor") +
                               guardrail("a", ", mode: monitor") + guardrail("enforced", ""));

  EXPECT_THAT(flows.names("s", "eu", "p-us"), ElementsAre("a", "b"));
  EXPECT_THAT(flows.names("s", "eu+acme", "p-us"), ElementsAre("a", "b"));
  EXPECT_THAT(flows.names("s", "eu", "p-eu"), IsEmpty());
  EXPECT_THAT(flows.names("s", "unknown", "p-us"), IsEmpty());
}

TEST(WouldRefuse, JudgesAPoolByEachOfItsBackends) {
  const WouldRefuse flows =
      of(guardrail("a", ", mode: monitor") +
         "--- {kind: Pool, metadata: {name: mixed, labels: {jurisdiction: eu}}, spec: {backends: "
         "[{name: x, address: 10.0.0.8}, {name: y, address: 10.0.0.9, labels: {jurisdiction: "
         "ch}}]}}\n");

  EXPECT_THAT(flows.names("s", "eu", "mixed"), ElementsAre("a"));
}

TEST(WouldRefuse, SaysNothingOfNamesThatTheRevisionDoesNotHave) {
  const WouldRefuse flows = of(guardrail("a", ", mode: monitor"));

  EXPECT_THAT(flows.names("gone", "eu", "p-us"), IsEmpty());
  EXPECT_THAT(flows.names("s", "gone", "p-us"), IsEmpty());
  EXPECT_THAT(flows.names("s", "eu", "gone"), IsEmpty());
}

}  // namespace
}  // namespace sluice::controlplane

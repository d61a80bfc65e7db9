// SPDX-License-Identifier: Apache-2.0
//
// What guardrails and ends of pools mean together, where that is probably not meant.
#include "tests/unit/planner/compile_text.h"

namespace sluice::controlplane {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr int64_t kNow = 1'924'992'000;  // 2031-01-01T00:00:00Z

const std::string kRoute =
    governed_object("Route", "r", "service: s, split: [{pool: p-eu, weight: 1}]");

std::vector<std::string> warnings_with(const std::string& more) {
  return to_strings(compile_governed(more, {}, {.now_unix_s = kNow}).warnings);
}

TEST(GovernanceWarnings, NameGuardrailsThatContradictEachOther) {
  const std::string us = governed_object("Guardrail", "us-only",
                                         "clients: {match_labels: {tenant: acme}}, "
                                         "require: {match_labels: {jurisdiction: us}}");

  EXPECT_THAT(warnings_with(kResidency + us + kRoute),
              ElementsAre("p.yaml:7: Guardrail/residency: guardrails residency (p.yaml:7), us-only "
                          "(p.yaml:8) contradict each other for clients of class eu+acme of "
                          "service s: each allows some pool, but no pool satisfies all of them, so "
                          "nobody is eligible",
                          "p.yaml:1: Service/s: guardrails allow clients of class eu+acme no pool "
                          "that its routes name"));
}

TEST(GovernanceWarnings, NameClassesWithoutAnEligiblePool) {
  EXPECT_THAT(
      warnings_with(governed_object("Guardrail", "g",
                                    "clients: {match_labels: {region: eu}}, "
                                    "require: {match_labels: {jurisdiction: "
                                    "mars}}") +
                    kRoute),
      ElementsAre("p.yaml:1: Service/s: guardrails allow clients of class eu, eu+acme no pool that "
                  "its routes name"));
}

TEST(GovernanceWarnings, NamePoolsAndBackendsThatEnd) {
  const auto pool = [](const std::string& pool_end, const std::string& backend_end) {
    return governed_object(
        "Pool", "q",
        "eligible_until: " + pool_end +
            ", backends: [{name: b, address: 10.0.0.9, eligible_until: " + backend_end + "}]");
  };

  EXPECT_THAT(warnings_with(kRoute + pool("2031-01-01T00:00:00Z", "2031-01-08T00:00:00Z")),
              ElementsAre("p.yaml:8: Pool/q.spec.eligible_until: is past, 2031-01-01T00:00:00Z: "
                          "nodes do not use the pool",
                          "p.yaml:8: Pool/q.spec.backends[b].eligible_until: is near, "
                          "2031-01-08T00:00:00Z: nodes stop using the backend then"));
  EXPECT_THAT(warnings_with(kRoute + pool("2031-01-08T00:00:01Z", "2032-01-01T00:00:00Z")),
              IsEmpty());
  EXPECT_THAT(
      to_strings(
          compile_governed(kRoute + pool("2031-01-01T00:00:00Z", "2031-01-01T00:00:00Z")).warnings),
      IsEmpty());
}

TEST(GovernanceWarnings, SayWhatMonitoringGuardrailsWouldForbid) {
  const std::string monitor = governed_object(
      "Guardrail", "watch",
      "mode: monitor, clients: {match_labels: {tenant: acme}}, require: {match_labels: "
      "{jurisdiction: us}}, caps: [{pools: {match_labels: {jurisdiction: eu}}, max_share: 5}]");

  const CompileResult result = compile_governed(monitor + kRoute);

  EXPECT_THAT(to_strings(result.refusals), IsEmpty());
  EXPECT_THAT(to_strings(result.warnings),
              ElementsAre("p.yaml:8: Route/r.spec.split[0].pool: client class eu+acme of service s "
                          "could reach pool p-eu, which guardrail watch (p.yaml:7) (monitor) would "
                          "forbid: label jurisdiction is \"eu\", must be \"us\"",
                          "p.yaml:8: Route/r.spec.split: guardrail watch (p.yaml:7) (monitor) "
                          "would forbid for client class eu+acme of service s: pool p-eu gets "
                          "1000000 of 1000000, at most 5 is allowed"));
  EXPECT_THAT(steering_of(*result.table, "eu+acme").eligible_pools(), ElementsAre("p-eu"));
}

TEST(GovernanceWarnings, SayWhatMonitoringGuardrailsDoNot) {
  EXPECT_THAT(
      warnings_with(kRoute + governed_object("Guardrail", "g",
                                             "mode: monitor, audit: fail_closed, approvals: 1")),
      ElementsAre("p.yaml:8: Guardrail/g.spec.audit: a monitoring guardrail refuses nothing: "
                  "fail_closed has no effect",
                  "p.yaml:8: Guardrail/g.spec.approvals: a monitoring guardrail asks for no "
                  "approvals"));
  EXPECT_THAT(warnings_with(kRoute + governed_object("Guardrail", "g", "approvals: 1")), IsEmpty());
}

}  // namespace
}  // namespace sluice::controlplane

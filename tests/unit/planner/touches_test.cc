// SPDX-License-Identifier: Apache-2.0
//
// Which guardrails a change touches, and why: one test per reason.
#include "controlplane/planner/touches.h"

#include "tests/unit/planner/compile_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Line 7 and on: the guardrail asks for two approvals; EU clients have a route of their own.
const std::string kPolicy =
    governed_object("Guardrail", "residency",
                    "approvals: 2, clients: {match_labels: {region: eu}}, "
                    "require: {match_labels: {jurisdiction: eu}}") +
    governed_object("Route", "r-eu",
                    "service: s, clients: {match_labels: {region: eu}}, split: [{pool: p-eu, "
                    "weight: 1}]") +
    governed_object("Route", "r-all", "service: s, split: [{pool: p-us, weight: 1}]") +
    governed_object("Rollout", "x",
                    "route: r-eu, stable: p-eu, candidate: trial, steps: [{weight: 5}]");

std::vector<v1::GuardrailTouch> touches_between(const v1::Policy& before, const v1::Policy& after) {
  ObjectNames touched = all_objects(before);
  add_names(all_objects(after), touched);
  const ClientSets old = client_sets(before);
  const ClientSets current = client_sets(after);
  return find_touches({before, old}, {after, current}, touched, class_pairs(old, current));
}

std::vector<std::string> describe(const std::vector<v1::GuardrailTouch>& touches) {
  std::vector<std::string> lines;
  for (const v1::GuardrailTouch& touch : touches) {
    for (const std::string& reason : touch.reasons()) {
      lines.push_back(touch.guardrail() + " (" + std::to_string(touch.approvals()) +
                      "): " + reason);
    }
  }
  return lines;
}

template <typename Make>
std::vector<std::string> touches(const Make& make) {
  const v1::Policy before = parse_governed(kPolicy).policy;
  v1::Policy after = before;
  make(after);
  return describe(touches_between(before, after));
}

v1::GuardrailSpec& guardrail(v1::Policy& policy) {
  return *policy.mutable_guardrails(0)->mutable_spec();
}

TEST(Touches, AreNoneForWhatItDoesNotCover) {
  EXPECT_THAT(touches([](v1::Policy&) {}), IsEmpty());
  EXPECT_THAT(
      touches([](v1::Policy& policy) {
        policy.mutable_routes(1)->mutable_spec()->add_fallback("p-us");  // steers others only
        v1::PoolSpec& pool = *policy.mutable_pools(1)->mutable_spec();   // reached by others only
        pool.mutable_backends(0)->set_weight(7);
        policy.mutable_pools(0)->mutable_spec()->set_min_up(1);  // neither labels nor backends
        policy.mutable_services(0)->mutable_spec()->add_addresses("203.0.113.9");
      }),
      IsEmpty());
}

TEST(Touches, AlteringIt) {
  EXPECT_THAT(touches([](v1::Policy& policy) { guardrail(policy).set_approvals(1); }),
              ElementsAre("residency (2): Guardrail/residency changes"));
  EXPECT_THAT(touches([](v1::Policy& policy) { guardrail(policy).set_approvals(5); }),
              ElementsAre("residency (5): Guardrail/residency changes"));
  EXPECT_THAT(touches([](v1::Policy& policy) { policy.clear_guardrails(); }),
              ElementsAre("residency (2): Guardrail/residency is deleted"));
  EXPECT_THAT(touches([](v1::Policy& policy) {
                policy.mutable_guardrails(0)->mutable_metadata()->set_name("other");
              }),
              ElementsAre("other (2): Guardrail/other is created",
                          "residency (2): Guardrail/residency is deleted"));
}

TEST(Touches, AskForNoApprovalsWhileItMonitors) {
  const v1::Policy before = parse_governed(kPolicy).policy;
  v1::Policy monitored = before;
  guardrail(monitored).set_mode(v1::GuardrailSpec::MODE_MONITOR);
  v1::Policy after = monitored;
  guardrail(after).set_description("other");

  EXPECT_EQ(touches_between(before, monitored)[0].approvals(), 2u);
  EXPECT_EQ(touches_between(monitored, after)[0].approvals(), 0u);
}

TEST(Touches, WhichClientsItMatches) {
  EXPECT_THAT(touches([](v1::Policy& policy) {
                policy.mutable_client_classes(0)->mutable_spec()->set_prefixes(0,
                                                                               "198.51.100.0/26");
              }),
              ElementsAre("residency (2): clients of class eu+acme become class acme, so that the "
                          "guardrail no longer covers them",
                          "residency (2): clients of class eu become class unknown, so that the "
                          "guardrail no longer covers them"));
  EXPECT_THAT(
      touches([](v1::Policy& policy) {
        (*policy.mutable_client_classes(0)->mutable_metadata()->mutable_labels())["region"] = "us";
      }),
      ElementsAre("residency (2): clients of class eu change their labels, so that the "
                  "guardrail no longer covers them",
                  "residency (2): clients of class eu+acme change their labels, so that "
                  "the guardrail no longer covers them"));
  EXPECT_THAT(touches([](v1::Policy& policy) {
                policy.mutable_client_classes(1)->mutable_spec()->set_prefixes(0,
                                                                               "198.51.100.64/27");
              }),
              IsEmpty())
      << "they are covered and steered as before";
}

TEST(Touches, WhichServicesItMatches) {
  const v1::Policy before =
      parse_governed(governed_object("Guardrail", "gold",
                                     "services: {match_labels: {tier: gold}}, approvals: 1"))
          .policy;
  v1::Policy after = before;
  (*after.mutable_services(0)->mutable_metadata()->mutable_labels())["tier"] = "tin";

  EXPECT_THAT(
      describe(touches_between(before, after)),
      ElementsAre("gold (1): Service/s changes, so that the guardrail no longer covers it"));
  EXPECT_THAT(describe(touches_between(after, before)),
              ElementsAre("gold (1): Service/s changes, so that the guardrail covers it"));
}

v1::Service& add_service(v1::Policy& policy, const std::string& name, const std::string& port) {
  v1::Service& service = *policy.add_services();
  service.mutable_metadata()->set_name(name);
  service.mutable_spec()->add_addresses("203.0.113.1");
  service.mutable_spec()->add_ports(port);
  return service;
}

TEST(Touches, AddressesThatGoToAnotherService) {
  const v1::Policy before =
      parse_governed(governed_object("Guardrail", "gold",
                                     "services: {match_labels: {tier: gold}}, approvals: 1"))
          .policy;
  v1::Policy moved = before;
  moved.mutable_services(0)->mutable_spec()->set_addresses(0, "203.0.113.2");
  add_service(moved, "s2", "tcp/80");
  v1::Policy freed = before;
  freed.mutable_services(0)->mutable_spec()->set_ports(0, "tcp/81");
  v1::Policy renamed = before;
  renamed.mutable_services(0)->mutable_metadata()->set_name("s3");

  EXPECT_THAT(describe(touches_between(before, moved)),
              ElementsAre("gold (1): 203.0.113.1 tcp/80 goes from Service/s to Service/s2"));
  EXPECT_THAT(describe(touches_between(moved, before)),
              ElementsAre("gold (1): 203.0.113.2 tcp/80 goes from Service/s to nobody",
                          "gold (1): 203.0.113.1 tcp/80 goes from Service/s2 to Service/s"));
  EXPECT_THAT(describe(touches_between(before, freed)),
              ElementsAre("gold (1): 203.0.113.1 tcp/80 goes from Service/s to nobody"))
      << "who takes it next would not be asked";
  EXPECT_THAT(
      describe(touches_between(before, renamed)),
      ElementsAre("gold (1): Service/s is deleted, so that the guardrail no longer covers it",
                  "gold (1): Service/s3 is created, so that the guardrail covers it",
                  "gold (1): 203.0.113.1 tcp/80 goes from Service/s to Service/s3"));
}

TEST(Touches, PortsThatAnyPortOfAnotherServiceTakes) {
  const v1::Policy narrow =
      parse_governed(governed_object("Guardrail", "gold",
                                     "services: {match_labels: {tier: gold}}, approvals: 1"))
          .policy;
  v1::Policy wide = narrow;
  wide.clear_services();
  add_service(wide, "all", "tcp/0");

  EXPECT_THAT(describe(touches_between(narrow, wide)),
              testing::Contains("gold (1): 203.0.113.1 tcp/80 goes from Service/s to Service/all"));
  EXPECT_THAT(describe(touches_between(wide, narrow)),
              testing::Contains("gold (1): 203.0.113.1 tcp/0 goes from Service/all to Service/s"));
}

TEST(Touches, RoutesOfCoveredClients) {
  EXPECT_THAT(touches([](v1::Policy& policy) {
                policy.mutable_routes(0)->mutable_spec()->mutable_split(0)->set_weight(2);
              }),
              ElementsAre("residency (2): Route/r-eu changes, which steers class eu of service s"));
  EXPECT_THAT(touches([](v1::Policy& policy) {
                policy.mutable_routes(1)->mutable_spec()->set_priority(9);
              }),
              ElementsAre("residency (2): Route/r-all changes, which steers class eu of service s"))
      << "it takes them over";
  EXPECT_THAT(
      touches([](v1::Policy& policy) {
        policy.clear_rollouts();
        policy.mutable_routes()->DeleteSubrange(0, 1);
      }),
      ElementsAre("residency (2): Route/r-eu is deleted, which steered class eu of service s",
                  "residency (2): Rollout/x is deleted, whose route r-eu steers class eu of "
                  "service s"));
}

TEST(Touches, RolloutsOfSuchRoutes) {
  EXPECT_THAT(touches([](v1::Policy& policy) {
                policy.mutable_rollouts(0)->mutable_spec()->mutable_steps(0)->set_weight(6);
              }),
              ElementsAre("residency (2): Rollout/x changes, whose route r-eu steers class eu of "
                          "service s"));
}

TEST(Touches, PoolsThatTheyCanReach) {
  EXPECT_THAT(touches([](v1::Policy& policy) {
                (*policy.mutable_pools(0)->mutable_metadata()->mutable_labels())["a"] = "b";
              }),
              ElementsAre("residency (2): Pool/p-eu changes its labels, which can be reached by "
                          "clients of class eu of service s"));
  EXPECT_THAT(touches([](v1::Policy& policy) {
                policy.mutable_pools(2)->mutable_spec()->mutable_backends(0)->set_weight(7);
              }),
              ElementsAre("residency (2): Pool/trial changes its backends, which can be reached by "
                          "clients of class eu of service s"))
      << "as a rollout's candidate";
  EXPECT_THAT(touches([](v1::Policy& policy) {
                policy.mutable_pools(0)->mutable_spec()->mutable_eligible_until()->set_seconds(5);
              }),
              ElementsAre("residency (2): Pool/p-eu changes its end, which can be reached by "
                          "clients of class eu of service s"));
}

TEST(Touches, ClassesThatOtherRoutesSteer) {
  const v1::Policy before =
      parse_governed(kPolicy + governed_object("Route", "r-acme",
                                               "service: s, priority: 1, clients: {match_labels: "
                                               "{tenant: acme}}, split: [{pool: trial, weight: "
                                               "1}]"))
          .policy;
  v1::Policy after = before;
  after.mutable_client_classes(1)->mutable_spec()->set_prefixes(0, "198.51.100.128/26");

  EXPECT_THAT(describe(touches_between(before, after)),
              ElementsAre("residency (2): clients of class eu+acme become class eu, so that other "
                          "routes steer them to service s",
                          "residency (2): clients of class eu become class eu+acme, so that other "
                          "routes steer them to service s"));
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The guardrail proof: every leak is refused by name, and nothing that is reachable was not proved.
#include <algorithm>
#include <random>

#include "controlplane/planner/compile.h"
#include "controlplane/policy/selector.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/policy_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Lines 1 to 5: a service, classes eu and acme in it, a pool in the EU and one in the US.
constexpr const char* kBase =
    "--- {kind: Service, metadata: {name: s}, spec: {addresses: [203.0.113.1], ports: [tcp/80]}}\n"
    "--- {kind: ClientClass, metadata: {name: eu, labels: {region: eu}}, "
    "spec: {prefixes: [198.51.100.0/24]}}\n"
    "--- {kind: ClientClass, metadata: {name: acme, labels: {tenant: acme}}, "
    "spec: {prefixes: [198.51.100.64/26]}}\n"
    "--- {kind: Pool, metadata: {name: p-eu, labels: {jurisdiction: eu}}, "
    "spec: {backends: [{name: b, address: 10.0.0.1}]}}\n"
    "--- {kind: Pool, metadata: {name: p-us, labels: {jurisdiction: us}}, "
    "spec: {backends: [{name: b, address: 10.0.0.2}]}}\n";
// Line 6.
constexpr const char* kGuardrail =
    "--- {kind: Guardrail, metadata: {name: residency}, spec: {clients: {match_labels: {region: "
    "eu}}, "
    "require: {match_expressions: [{key: jurisdiction, operator: In, values: [eu]}]}}}\n";

std::vector<std::string> refusals_of(const std::string& text) {
  Violations violations;
  const ParsedPolicy parsed = parse_text(text, violations);
  validate_policy(parsed.policy, client_sets(parsed.policy), parsed.source, violations);
  EXPECT_THAT(to_strings(violations), IsEmpty());
  return to_strings(compile_policy(parsed.policy, client_sets(parsed.policy), parsed.source,
                                   {.steering_key = test_steering_key()})
                        .refusals);
}

std::vector<std::string> refusals_with(const std::string& more) {
  return refusals_of(std::string(kBase) + kGuardrail + more);
}

std::string leak(const std::string& where, const std::string& set, const std::string& pool,
                 const std::string& reason) {
  return "p.yaml:7: Route/r.spec." + where + ": client class " + set +
         " of service s could reach pool " + pool +
         ", which guardrail residency (p.yaml:6) forbids: " + reason;
}

TEST(GuardrailProof, NamesEveryLeak) {
  const std::string reason = "label jurisdiction is \"us\", must be in [eu]";

  EXPECT_THAT(
      refusals_with(
          "--- {kind: Route, metadata: {name: r}, spec: {service: s, "
          "split: [{pool: p-eu, weight: 1}, {pool: p-us, weight: 0}], fallback: [p-us]}}\n"),
      ElementsAre(leak("split[1].pool", "eu", "p-us", reason),
                  leak("split[1].pool", "eu+acme", "p-us", reason)));
  EXPECT_THAT(refusals_with("--- {kind: Route, metadata: {name: r}, spec: {service: s, "
                            "split: [{pool: p-eu, weight: 1}], fallback: [p-us]}}\n"),
              ElementsAre(leak("fallback[0]", "eu", "p-us", reason),
                          leak("fallback[0]", "eu+acme", "p-us", reason)));
}

TEST(GuardrailProof, HoldsForBackendsToo) {
  const std::string pool =
      "--- {kind: Route, metadata: {name: r}, spec: {service: s, split: [{pool: mixed, weight: "
      "1}]}}\n"
      "--- {kind: Pool, metadata: {name: mixed, labels: {jurisdiction: eu}}, spec: {backends: "
      "[{name: x, address: 10.0.0.3}, {name: y, address: 10.0.0.4, labels: {jurisdiction: "
      "ch}}]}}\n";
  const std::string reason = "backend y: label jurisdiction is \"ch\", must be in [eu]";

  EXPECT_THAT(refusals_with(pool), ElementsAre(leak("split[0].pool", "eu", "mixed", reason),
                                               leak("split[0].pool", "eu+acme", "mixed", reason)));
}

TEST(GuardrailProof, LeavesAloneWhomItDoesNotCover) {
  const std::string routes =
      "--- {kind: Route, metadata: {name: r}, spec: {service: s, split: [{pool: p-us, weight: "
      "1}]}}\n"
      "--- {kind: Route, metadata: {name: r-eu}, spec: {service: s, clients: {match_labels: "
      "{region: eu}}, "
      "split: [{pool: p-eu, weight: 1}]}}\n";

  EXPECT_THAT(refusals_with(routes), IsEmpty());
  EXPECT_THAT(refusals_of(std::string(kBase) +
                          "--- {kind: Guardrail, metadata: {name: g}, spec: {services: "
                          "{match_labels: {tier: gold}}, "
                          "require: {match_labels: {jurisdiction: eu}}}}\n" +
                          routes),
              IsEmpty());
}

TEST(GuardrailProof, CoversUnknownClients) {
  EXPECT_THAT(
      refusals_of(
          std::string(kBase) +
          "--- {kind: Guardrail, metadata: {name: residency}, spec: {clients: {match_expressions: "
          "[{key: region, operator: DoesNotExist}]}, require: {match_labels: {jurisdiction: "
          "eu}}}}\n"
          "--- {kind: Route, metadata: {name: r}, spec: {service: s, split: [{pool: p-us, weight: "
          "1}]}}\n"),
      ElementsAre(leak("split[0].pool", "unknown", "p-us",
                       "label jurisdiction is \"us\", must be \"eu\"")));
}

// Random policies over few labels, so that guardrails hold for about half of what they cover.
class RandomPolicy {
 public:
  explicit RandomPolicy(uint32_t seed) : random_(seed) {}

  v1::Policy make() {
    v1::Policy policy;
    name(*policy.add_services(), "s", 0).mutable_spec()->add_addresses("203.0.113.1");
    for (int i = 0; i < 3; ++i) {
      name(*policy.add_client_classes(), "c", i)
          .mutable_spec()
          ->add_prefixes("10." + std::to_string(i) + ".0.0/16");
    }
    for (int i = 0; i < 4; ++i) {
      v1::Backend& backend = *name(*policy.add_pools(), "p", i).mutable_spec()->add_backends();
      backend.set_name("b");
      backend.set_address("10.9.0." + std::to_string(i + 1));
      if (one_in(4)) (*backend.mutable_labels())["k"] = value();
    }
    for (int i = 0; i < 3; ++i)
      add_route(policy, i);
    for (int i = 0; i < 2; ++i) {
      v1::GuardrailSpec& spec = *name(*policy.add_guardrails(), "g", i).mutable_spec();
      if (!one_in(3)) (*spec.mutable_clients()->mutable_match_labels())["k"] = value();
      (*spec.mutable_require()->mutable_match_labels())["k"] = value();
    }
    return policy;
  }

 private:
  template <typename Object>
  Object& name(Object& object, const char* prefix, int index) {
    object.mutable_metadata()->set_name(prefix + std::to_string(index));
    (*object.mutable_metadata()->mutable_labels())["k"] = value();
    return object;
  }

  void add_route(v1::Policy& policy, int index) {
    v1::RouteSpec& spec = *name(*policy.add_routes(), "r", index).mutable_spec();
    spec.set_service("s0");
    spec.set_priority(index);
    if (index > 0) (*spec.mutable_clients()->mutable_match_labels())["k"] = value();
    v1::SplitEntry& entry = *spec.add_split();
    entry.set_pool("p" + std::to_string(random_() % 4));
    entry.set_weight(1);
    if (one_in(2)) spec.add_fallback("p" + std::to_string(random_() % 4));
  }

  bool one_in(uint32_t count) { return random_() % count == 0; }
  std::string value() { return one_in(2) ? "x" : "y"; }

  std::mt19937 random_;
};

// By the words of the design, without anything of the planner.
bool naive_allows(const v1::Policy& policy, const std::string& class_value,
                  const std::string& pool_name) {
  for (const v1::Guardrail& guardrail : policy.guardrails()) {
    const auto& clients = guardrail.spec().clients().match_labels();
    if (!clients.empty() && clients.at("k") != class_value) continue;
    const std::string required = guardrail.spec().require().match_labels().at("k");
    for (const v1::Pool& pool : policy.pools()) {
      if (pool.metadata().name() != pool_name) continue;
      const auto& own = pool.spec().backends(0).labels();
      if (pool.metadata().labels().at("k") != required) return false;
      if (own.contains("k") && own.at("k") != required) return false;
    }
  }
  return true;
}

TEST(GuardrailProof, AgreesWithANaiveModel) {
  int refused = 0;
  for (uint32_t seed = 1; seed <= 500; ++seed) {
    const v1::Policy policy = RandomPolicy(seed).make();

    const CompileResult result =
        compile_policy(policy, client_sets(policy), {}, {.steering_key = test_steering_key()});

    bool leaks = false;
    for (const v1::SteeringEntry& row : result.table->steering()) {
      const auto& classes = result.table->client_classes();
      const auto set = std::find_if(classes.begin(), classes.end(), [&](const auto& entry) {
        return entry.name() == row.client_class();
      });
      const std::string value = set->labels().contains("k") ? set->labels().at("k") : "";
      for (const std::string& pool : row.eligible_pools())
        EXPECT_TRUE(naive_allows(policy, value, pool)) << seed;
      for (const v1::Route& route : policy.routes()) {
        if (route.metadata().name() != row.route()) continue;
        leaks = leaks || !naive_allows(policy, value, route.spec().split(0).pool());
        for (const std::string& pool : route.spec().fallback())
          leaks = leaks || !naive_allows(policy, value, pool);
      }
    }
    EXPECT_EQ(!result.refusals.empty(), leaks) << seed;
    refused += leaks ? 1 : 0;
  }
  EXPECT_GT(refused, 50);
  EXPECT_LT(refused, 450);
}

}  // namespace
}  // namespace sluice::controlplane

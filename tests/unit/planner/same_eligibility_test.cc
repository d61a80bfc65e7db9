// SPDX-License-Identifier: Apache-2.0
//
// When flows need to ask again if their pool is still allowed.
#include <functional>
#include <string>
#include <vector>

#include "controlplane/planner/compile.h"
#include "gtest/gtest.h"
#include "tests/support/policy_text.h"

namespace sluice::controlplane {
namespace {

struct Row {
  const char* change;
  bool same;
  std::function<void(v1::Policy&)> make;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> rows = {
      {"nothing", true, [](v1::Policy&) {}},
      {"a weight", true,
       [](v1::Policy& p) { p.mutable_routes(0)->mutable_spec()->mutable_split(0)->set_weight(5); }},
      {"a backend's weight", true,
       [](v1::Policy& p) {
         p.mutable_pools(0)->mutable_spec()->mutable_backends(0)->set_weight(5);
       }},
      {"one more backend", true,
       [](v1::Policy& p) {
         v1::Backend& added = *p.mutable_pools(0)->mutable_spec()->add_backends();
         added.set_name("new");
         added.set_address("10.77.1.99");
       }},
      {"one more unrelated pool", true,
       [](v1::Policy& p) { p.add_pools()->mutable_metadata()->set_name("new"); }},
      {"health", true, [](v1::Policy& p) { p.mutable_pools(0)->mutable_spec()->clear_health(); }},
      {"min_up", true, [](v1::Policy& p) { p.mutable_pools(0)->mutable_spec()->set_min_up(2); }},
      {"a class label", false,
       [](v1::Policy& p) {
         (*p.mutable_client_classes(0)->mutable_metadata()->mutable_labels())["x"] = "y";
       }},
      {"a prefix", false,
       [](v1::Policy& p) {
         p.mutable_client_classes(0)->mutable_spec()->add_prefixes("10.0.0.0/8");
       }},
      {"a pool label", false,
       [](v1::Policy& p) {
         (*p.mutable_pools(0)->mutable_metadata()->mutable_labels())["x"] = "y";
       }},
      {"a backend label", false,
       [](v1::Policy& p) {
         (*p.mutable_pools(0)->mutable_spec()->mutable_backends(0)->mutable_labels())["x"] = "y";
       }},
      {"a service label", false,
       [](v1::Policy& p) {
         (*p.mutable_services(0)->mutable_metadata()->mutable_labels())["x"] = "y";
       }},
      {"a service's address", false,
       [](v1::Policy& p) { p.mutable_services(0)->mutable_spec()->add_addresses("203.0.113.77"); }},
      {"a route's fallback", false,
       [](v1::Policy& p) { p.mutable_routes(1)->mutable_spec()->add_fallback("chat-v1-eu"); }},
      {"a route's clients", false,
       [](v1::Policy& p) {
         p.mutable_routes(0)->mutable_spec()->set_priority(-1);
         p.mutable_routes(0)->mutable_spec()->clear_clients();
       }},
      {"a guardrail", false,
       [](v1::Policy& p) { p.mutable_guardrails(0)->mutable_spec()->clear_clients(); }},
      {"a guardrail without effect", true,
       [](v1::Policy& p) { p.mutable_guardrails(0)->mutable_spec()->set_description("other"); }},
  };
  return rows;
}

TEST(SameEligibility, ChangesWithWhatDecidesWhoMayGoWhere) {
  Violations violations;
  const ParsedPolicy parsed = parse_text(example_policy(), violations);
  const v1::ForwardingTable base =
      *compile_policy(parsed.policy, client_sets(parsed.policy), parsed.source, {}).table;
  for (const Row& row : rows()) {
    v1::Policy changed = parsed.policy;
    row.make(changed);

    const v1::ForwardingTable table = *compile_policy(changed, client_sets(changed), parsed.source,
                                                      {.generation = 2, .revision = 2})
                                           .table;

    EXPECT_EQ(same_eligibility(base, table), row.same) << row.change;
    EXPECT_EQ(same_eligibility(table, base), row.same) << row.change;
  }
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What of a change only an officer may write.
#include "controlplane/planner/governed.h"

#include "tests/unit/planner/compile_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// The base with the guardrail on line 7, changed by `make`.
template <typename Make>
std::vector<std::string> edits(const Make& make, const std::string& more = kResidency) {
  const v1::Policy before = parse_governed(more).policy;
  v1::Policy after = before;
  make(after);
  ObjectNames touched = all_objects(before);
  add_names(all_objects(after), touched);
  std::vector<std::string> lines;
  for (const GovernedEdit& edit : governed_edits(before, after, touched))
    lines.push_back(edit.path + ": " + edit.reason);
  return lines;
}

google::protobuf::Map<std::string, std::string>& labels(auto& object) {
  return *object.mutable_metadata()->mutable_labels();
}

TEST(GovernedEdits, AreNoneWhenNothingGovernedChanges) {
  EXPECT_THAT(edits([](v1::Policy&) {}), IsEmpty());
  EXPECT_THAT(edits([](v1::Policy& policy) {
                labels(*policy.mutable_pools(0))["version"] = "v2";
                policy.mutable_pools(0)->mutable_spec()->mutable_backends(0)->set_weight(5);
                policy.mutable_services(0)->mutable_spec()->add_addresses("203.0.113.7");
                policy.mutable_pools()->RemoveLast();
              }),
              IsEmpty());
}

TEST(GovernedEdits, NameGuardrails) {
  const std::string line = "Guardrail/residency: guardrails are an officer's";
  EXPECT_THAT(edits([](v1::Policy& policy) {
                policy.mutable_guardrails(0)->mutable_spec()->set_approvals(1);
              }),
              ElementsAre(line));
  EXPECT_THAT(edits([](v1::Policy& policy) { policy.clear_guardrails(); }), ElementsAre(line));
}

TEST(GovernedEdits, NameLabelsThatGuardrailsGoBy) {
  const std::string reason = ": guardrail residency goes by this label";
  EXPECT_THAT(edits([](v1::Policy& policy) {
                labels(*policy.mutable_pools(1))["jurisdiction"] = "eu";
                (*policy.mutable_pools(0)
                      ->mutable_spec()
                      ->mutable_backends(0)
                      ->mutable_labels())["jurisdiction"] = "us";
                labels(*policy.mutable_client_classes(0)).erase("region");
                labels(*policy.mutable_services(0))["region"] = "eu";
              }),
              ElementsAre("ClientClass/eu.metadata.labels[region]" + reason,
                          "Pool/p-eu.spec.backends[b].labels[jurisdiction]" + reason,
                          "Pool/p-us.metadata.labels[jurisdiction]" + reason,
                          "Service/s.metadata.labels[region]" + reason));
}

TEST(GovernedEdits, CoverNewPoolsAndBackends) {
  EXPECT_THAT(edits([](v1::Policy& policy) {
                v1::Pool& pool = *policy.add_pools();
                pool.mutable_metadata()->set_name("new");
                labels(pool)["jurisdiction"] = "eu";
                v1::Backend& backend = *policy.mutable_pools(0)->mutable_spec()->add_backends();
                backend.set_name("c");
              }),
              ElementsAre("Pool/new.metadata.labels[jurisdiction]: guardrail residency goes by "
                          "this label"));
}

TEST(GovernedEdits, CoverAddressesOfGovernedServices) {
  const std::string gold =
      governed_object("Guardrail", "gold", "services: {match_labels: {tier: gold}}");
  const auto line = [](const std::string& what) {
    return "Service/s.spec.addresses: guardrail gold goes by label tier of the service that has " +
           what;
  };
  const auto rename = [](v1::Policy& policy) {
    policy.mutable_services(0)->mutable_metadata()->set_name("s2");
  };

  EXPECT_THAT(edits([](v1::Policy& policy) { policy.clear_services(); }, gold),
              ElementsAre(line("203.0.113.1 tcp/80")));
  EXPECT_THAT(edits(
                  [&](v1::Policy& policy) {
                    rename(policy);
                    labels(*policy.mutable_services(0)).clear();
                  },
                  gold),
              ElementsAre(line("203.0.113.1 tcp/80")));
  EXPECT_THAT(edits(rename, gold),
              ElementsAre("Service/s2.metadata.labels[tier]: guardrail gold goes by this label"))
      << "its addresses are governed as before";
  EXPECT_THAT(edits(
                  [](v1::Policy& policy) {
                    policy.mutable_services(0)->mutable_spec()->add_addresses("203.0.113.7");
                  },
                  gold),
              IsEmpty());
}

TEST(GovernedEdits, CoverServersUnderOtherNames) {
  const std::string line =
      "Pool/p-eu.spec.backends[{}].labels[jurisdiction]: guardrail residency goes by this label";
  const auto line_of = [&](const std::string& name) {
    return std::string(line).replace(line.find("{}"), 2, name);
  };
  const v1::Policy before = [] {
    v1::Policy policy = parse_governed(kResidency).policy;
    (*policy.mutable_pools(0)
          ->mutable_spec()
          ->mutable_backends(0)
          ->mutable_labels())["jurisdiction"] = "us";
    return policy;
  }();
  const auto edits_to = [&](const auto& make) {
    v1::Policy after = before;
    make(*after.mutable_pools(0)->mutable_spec());
    std::vector<std::string> lines;
    for (const GovernedEdit& edit : governed_edits(before, after, all_objects(before)))
      lines.push_back(edit.path + ": " + edit.reason);
    return lines;
  };

  EXPECT_THAT(edits_to([](v1::PoolSpec& pool) {
                pool.mutable_backends(0)->set_name("c");
                pool.mutable_backends(0)->clear_labels();
              }),
              ElementsAre(line_of("c")));
  EXPECT_THAT(edits_to([](v1::PoolSpec& pool) {
                v1::Backend& again = *pool.add_backends();
                again.set_name("c");
                again.set_address("10.0.0.1");
              }),
              ElementsAre(line_of("c")));
  EXPECT_THAT(edits_to([](v1::PoolSpec& pool) { pool.clear_backends(); }),
              ElementsAre(line_of("b")))
      << "it could come back without";
  EXPECT_THAT(edits_to([](v1::PoolSpec& pool) { pool.mutable_backends(0)->set_weight(7); }),
              IsEmpty());
}

TEST(GovernedEdits, CoverPrefixesOfGovernedClasses) {
  EXPECT_THAT(
      edits([](v1::Policy& policy) {
        policy.mutable_client_classes(0)->mutable_spec()->set_prefixes(0, "198.51.100.0/25");
        policy.mutable_client_classes(1)->mutable_spec()->set_prefixes(0, "198.51.100.64/27");
      }),
      ElementsAre("ClientClass/eu.spec.prefixes: guardrail residency goes by label region of these "
                  "clients"));
  EXPECT_THAT(
      edits([](v1::Policy& policy) { policy.mutable_client_classes()->DeleteSubrange(0, 1); }),
      ElementsAre("ClientClass/eu.metadata.labels[region]: guardrail residency goes by "
                  "this label"));
}

TEST(GovernedKeys, AreThoseOfEnforcingGuardrails) {
  const v1::Policy policy =
      parse_governed(kResidency +
                     governed_object("Guardrail", "watch",
                                     "mode: monitor, require: {match_labels: {seen: x}}") +
                     governed_object("Guardrail", "caps",
                                     "services: {match_labels: {tier: gold}}, caps: [{pools: "
                                     "{match_expressions: [{key: approval, operator: Exists}]}}]"))
          .policy;
  EXPECT_EQ(governed_keys(policy),
            (std::map<std::string, std::string>{{"approval", "caps"},
                                                {"jurisdiction", "residency"},
                                                {"region", "residency"},
                                                {"tier", "caps"}}));
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// YAML text into the typed policy.
#include "controlplane/policy/parse.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "tests/support/policy_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> parse_problems(const std::string& text) {
  Violations violations;
  parse_text(text, violations);
  return to_strings(violations);
}

TEST(ParsePolicy, ReadsTheExample) {
  Violations violations;

  const ParsedPolicy parsed = parse_text(example_policy(), violations);

  EXPECT_THAT(to_strings(violations), IsEmpty());
  EXPECT_EQ(parsed.policy.client_classes_size(), 4);
  EXPECT_EQ(parsed.policy.pools_size(), 3);
  EXPECT_EQ(parsed.policy.services_size(), 1);
  EXPECT_EQ(parsed.policy.routes_size(), 2);
  EXPECT_EQ(parsed.policy.guardrails_size(), 1);
  EXPECT_EQ(parsed.policy.rollouts_size(), 1);
  v1::Route route;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(
    metadata { name: "chat-eu" }
    spec {
      service: "chat" clients { match_labels { key: "region" value: "eu" } } split_seed: "chat-eu"
      split { pool: "chat-v1-eu" weight: 90 } split { pool: "chat-v2-eu" weight: 10 }
      fallback: "chat-v2-eu" fallback: "chat-v1-eu"
    })",
                                                            &route));
  EXPECT_EQ(parsed.policy.routes(0).DebugString(), route.DebugString());
}

TEST(ParsePolicy, RemembersWhereEverythingWasWritten) {
  Violations violations;
  const ParsedPolicy parsed = parse_text(
      "kind: Pool\nmetadata:\n  name: a\nspec:\n  min_up: 1\n  backends:\n  - {name: x}\n---\n"
      "kind: Pool\nmetadata: {name: b}\nspec:\n  table_slots: 7\n",
      violations);

  const auto line = [&](const char* path) { return parsed.source.find(path).line; };
  EXPECT_EQ(line("Pool/a"), 1u);
  EXPECT_EQ(line("Pool/a.spec.min_up"), 5u);
  EXPECT_EQ(line("Pool/a.spec.backends[x].address"), 7u);
  EXPECT_EQ(line("Pool/a.spec.health.tcp"), 4u);
  EXPECT_EQ(line("Pool/b.spec.table_slots"), 12u);
  EXPECT_EQ(line("Pool/c"), 0u);
  EXPECT_EQ(parsed.source.find("Pool/b.spec").file, "p.yaml");
}

struct Row {
  const char* text;
  const char* problem;
};

TEST(ParsePolicy, NamesWhatIsWrong) {
  const std::vector<Row> rows = {
      {"a: [", "p.yaml:1: no valid YAML: end of sequence flow not found"},
      {"- kind: Pool", "p.yaml:1: an object must be a mapping with kind, metadata and spec"},
      {"metadata: {name: a}",
       "p.yaml:1: an object needs one kind: ClientClass, Pool, Service, Route, Guardrail, Rollout"},
      {"kind: Pol\nmetadata: {name: a}", "p.yaml:1: unknown kind \"Pol\"; did you mean Pool?"},
      {"kind: pool\nmetadata: {name: a}", "p.yaml:1: unknown kind \"pool\"; did you mean Pool?"},
      {"kind: Deployment",
       "p.yaml:1: unknown kind \"Deployment\"; kinds are ClientClass, Pool, Service, Route, "
       "Guardrail, Rollout"},
      {"kind: Pool\nkind: Pool\nmetadata: {name: a}",
       "p.yaml:2: an object needs one kind: ClientClass, Pool, Service, Route, Guardrail, Rollout"},
      {"apiVersion: sluice/v2\nkind: Pool\nmetadata: {name: a}",
       "p.yaml:1: apiVersion must be sluice/v1, not \"sluice/v2\""},
      {"apiVersion: sluice/v1\napiVersion: sluice/v1\nkind: Pool\nmetadata: {name: a}",
       "p.yaml:2: apiVersion stands here twice"},
      {"kind: Pool", "p.yaml:1: Pool[0].metadata.name: is required"},
      {"kind: Pool\nmetadata:\n  name: Chat_1",
       "p.yaml:3: Pool[0].metadata.name: \"Chat_1\" is no name; lower-case letters, digits and "
       "dashes, at most 63, no "
       "dash first or last"},
      {"kind: Pool\nmetadata: {name: a}\nspecs: {}",
       "p.yaml:3: Pool/a: unknown field \"specs\"; did you mean spec?"},
      {"kind: Pool\nmetadata: {name: a}\nspec: {tableSlots: 7}",
       "p.yaml:3: Pool/a.spec: unknown field \"tableSlots\"; did you mean table_slots?"},
      {"kind: Pool\nmetadata: {name: a}\nspec: {forwarding: ip}",
       "p.yaml:3: Pool/a.spec.forwarding: must be one of ipip, gue, geneve, gre, vxlan, l2, nat, "
       "not \"ip\""},
      {"kind: Pool\nmetadata: {name: a}\n---\nkind: Pool\nmetadata: {name: a}",
       "p.yaml:4: Pool/a: the name is already taken by the object at p.yaml:1"},
  };
  for (const Row& row : rows)
    EXPECT_THAT(parse_problems(row.text), ElementsAre(row.problem)) << row.text;
}

TEST(ParsePolicy, RefusesANameTwiceAcrossFiles) {
  const std::vector<SourceFile> files = {{"a.yaml", "kind: Pool\nmetadata: {name: x}\n"},
                                         {"b.yaml", "\nkind: Pool\nmetadata: {name: x}\n"},
                                         {"c.yaml", "kind: Service\nmetadata: {name: x}\n"}};
  Violations violations;

  const ParsedPolicy parsed = parse_policy(files, violations);

  EXPECT_THAT(to_strings(violations),
              ElementsAre("b.yaml:2: Pool/x: the name is already taken by the object at a.yaml:1"));
  EXPECT_EQ(parsed.policy.pools_size(), 1);
}

TEST(ParsePolicy, TakesWhatTheControllerPrintsWithItsStatus) {
  Violations violations;
  const ParsedPolicy parsed = parse_text(
      "{\"items\": [\n"
      "{\"kind\": \"Pool\", \"metadata\": {\"name\": \"a\"}, \"status\": {\"up\": \"1\"}},\n"
      "{\"kind\": \"Pool\", \"metadata\": {\"name\": \"b\"}, \"spec\": {\"min_up\": \"x\"}}]}\n",
      violations);

  EXPECT_EQ(parsed.policy.pools_size(), 2);
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].line, 3U);
  EXPECT_EQ(violations[0].path, "Pool/b.spec.min_up");
}

TEST(ParsePolicy, SkipsEmptyDocuments) {
  EXPECT_THAT(parse_problems(""), IsEmpty());
  EXPECT_THAT(parse_problems("---\n---\n# nothing\n---\n"), IsEmpty());
}

TEST(ParsePolicy, ReadsOnPastADocumentWithASyntaxError) {
  Violations violations;

  const ParsedPolicy parsed =
      parse_text("kind: [\n---\nkind: Pool\nmetadata: {name: a}\nspec: {min_up: x}\n", violations);

  EXPECT_EQ(violations.size(), 2u);
  EXPECT_EQ(parsed.policy.pools_size(), 1);
  EXPECT_EQ(violations[1].line, 5u);
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Strict YAML into protobuf messages: what is read, and every way of being wrong.
#include "dataplane/yaml/read_message.h"

#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "sluice/v1/config.pb.h"
#include "sluice/v1/policy.pb.h"

namespace sluice {
namespace {

template <typename MessageType>
std::vector<std::string> problems_of(const std::string& text, MessageType& message) {
  std::vector<YamlProblem> problems;
  read_document(text, message, {.problems = &problems});
  std::vector<std::string> lines;
  for (const YamlProblem& problem : problems) {
    lines.push_back(std::to_string(problem.line) + ": " + problem.path + ": " + problem.message);
  }
  return lines;
}

TEST(ReadDocument, ReadsNumbersWithFractions) {
  v1::RolloutMetric metric;
  EXPECT_THAT(problems_of("{name: errors, min: -1, max: 0.05}", metric), testing::IsEmpty());
  EXPECT_EQ(metric.min(), -1.0);
  EXPECT_EQ(metric.max(), 0.05);
  EXPECT_THAT(
      problems_of("max: 5%", metric),
      testing::ElementsAre("1: max: must be a number such as 0.05, without quotes, not \"5%\""));
}

TEST(ReadDocument, ReadsADaemonConfiguration) {
  v1::DataplaneConfig config;

  const auto problems = problems_of(R"(node: edge-1
eal: ["--no-pci", -l, "0-1"]
ports:
  - id: 0
    name: uplink
    addresses: [10.77.1.2/24, "fd77:1::2/64"]
    punt: none
    neighbors: [{address: 10.77.1.11, mac: "02:00:00:00:01:11"}]
idle: {spin: 200us, sleep: 0s}
nat_addresses: []
log: {level: info}
)",
                                    config);

  EXPECT_THAT(problems, testing::IsEmpty());
  v1::DataplaneConfig expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(R"(node: "edge-1"
    eal: "--no-pci" eal: "-l" eal: "0-1"
    ports { name: "uplink" addresses: "10.77.1.2/24" addresses: "fd77:1::2/64" punt: PUNT_NONE
            neighbors { address: "10.77.1.11" mac: "02:00:00:00:01:11" } }
    idle { spin { nanos: 200000 } sleep {} }
    log { level: LEVEL_INFO })",
                                                            &expected));
  EXPECT_EQ(config.DebugString(), expected.DebugString());
}

TEST(ReadDocument, KeepsTextAsItWasWritten) {
  v1::Metadata metadata;

  const auto problems = problems_of(
      "name: 007\nlabels: {version: 1.10, trial: no, hex: 0x10, \"a/b.c\": \"null\", empty: "
      "\"\"}\n",
      metadata);

  EXPECT_THAT(problems, testing::IsEmpty());
  EXPECT_EQ(metadata.name(), "007");
  const std::map<std::string, std::string> labels(metadata.labels().begin(),
                                                  metadata.labels().end());
  EXPECT_THAT(labels,
              testing::ElementsAre(testing::Pair("a/b.c", "null"), testing::Pair("empty", ""),
                                   testing::Pair("hex", "0x10"), testing::Pair("trial", "no"),
                                   testing::Pair("version", "1.10")));
}

TEST(ReadDocument, TellsUnsetFromZero) {
  v1::PoolSpec spec;

  EXPECT_THAT(problems_of("backends: [{name: a, weight: 0}, {name: b}]\n", spec),
              testing::IsEmpty());

  EXPECT_TRUE(spec.backends(0).has_weight());
  EXPECT_FALSE(spec.backends(1).has_weight());
}

TEST(ReadDocument, ReportsEveryFieldWithItsLine) {
  std::vector<YamlProblem> problems;
  std::map<std::string, uint32_t> lines;
  v1::PoolSpec spec;

  read_document(R"(min_up: 2
backends:
  - name: a
    labels:
      zone: fra1
  - {name: a, address: 10.0.0.1}
  - {name: Bad Name}
)",
                spec,
                {.problems = &problems,
                 .on_field = [&](const std::string& path, uint32_t line) { lines[path] = line; }});

  EXPECT_EQ(lines, (std::map<std::string, uint32_t>{{"min_up", 1},
                                                    {"backends", 2},
                                                    {"backends[a]", 3},
                                                    {"backends[a].name", 3},
                                                    {"backends[a].labels", 4},
                                                    {"backends[a].labels[zone]", 5},
                                                    {"backends[1]", 6},
                                                    {"backends[1].name", 6},
                                                    {"backends[1].address", 6},
                                                    {"backends[2]", 7},
                                                    {"backends[2].name", 7}}));
}

struct Wrong {
  const char* text;
  const char* problem;
};

TEST(ReadDocument, NamesWhatIsWrongInAPool) {
  const std::vector<Wrong> rows = {
      {"tableSlots: 7", R"(1: : unknown field "tableSlots"; did you mean table_slots?)"},
      {"colour: red",
       "1: : unknown field \"colour\"; fields here: forwarding, table_slots, min_up, "
       "eligible_until, health, backends"},
      {"min_up: 1\nmin_up: 2", R"(2: : "min_up" stands here twice)"},
      {"min_up: 1.0", R"(1: min_up: must be a whole number in 0..4294967295, not "1.0")"},
      {"min_up: 0x10", R"(1: min_up: must be a whole number in 0..4294967295, not "0x10")"},
      {"min_up: +5", R"(1: min_up: must be a whole number in 0..4294967295, not "+5")"},
      {"min_up: -1", R"(1: min_up: must be a whole number in 0..4294967295, not "-1")"},
      {"min_up: 4294967296",
       R"(1: min_up: must be a whole number in 0..4294967295, not "4294967296")"},
      {"min_up: \"5\"", R"(1: min_up: must be a number without quotes, not "5")"},
      {"min_up: [1]", "1: min_up: must be a whole number"},
      {"min_up:", "1: min_up: has no value; it must be a whole number, or left out"},
      {"min_up: !!int 5", "1: min_up: tags are not understood here"},
      {"forwarding: IPIP",
       "1: forwarding: must be one of ipip, gue, geneve, gre, vxlan, l2, nat, not \"IPIP\"; did "
       "you "
       "mean ipip?"},
      {"forwarding: unspecified",
       "1: forwarding: must be one of ipip, gue, geneve, gre, vxlan, l2, nat, not "
       "\"unspecified\""},
      {"backends: {name: a}", "1: backends: must be a list ([a, b], or lines that begin with -)"},
      {"backends:", "1: backends: has no value; write [] or leave it out"},
      {"backends: [a]", "1: backends[0]: must be a mapping (field: value)"},
      {"backends: [{name: a, nme: b}]",
       R"(1: backends[a]: unknown field "nme"; did you mean name?)"},
      {"backends: [{name: a, labels: {x: [1]}}]",
       "1: backends[a].labels[x]: must be text (\"null\" in quotes for that word)"},
      {"backends: [{name: a, labels: {x: 1, x: 2}}]",
       R"(1: backends[a].labels: "x" stands here twice)"},
      {"backends: [{name: a, labels: {[x]: 1}}]",
       "1: backends[a].labels: a key must be plain text"},
      {"backends: [{name: \"a\\x01\"}]", R"(1: backends[0].name: "a\x01" has control characters)"},
      {"health:", "1: health: has no value; write {} or leave it out"},
      {"health: {interval: 5}",
       R"(1: health.interval: "5" is no duration; write it like 1d2h3m4s500ms200us)"},
      {"health: {interval: {}}", "1: health.interval: must be a duration such as 1m30s"},
      {"health: {tcp: {port: 80},\n http: {port: 80}}",
       "2: health.http: stands beside tcp; only one probe can be given"},
      {"eligible_until: tomorrow",
       R"(1: eligible_until: "tomorrow" is no time; write it like 2031-01-01T00:00:00Z)"},
      {"[1, 2]", "1: : must be a mapping (field: value)"},
      {"<<: {min_up: 1}",
       "1: : unknown field \"<<\"; fields here: forwarding, table_slots, min_up, eligible_until, "
       "health, backends"},
      {"", "1: : the file is empty"},
      {"min_up: 1\n---\nmin_up: 2", "2: : a second document begins here; the file holds one"},
  };
  for (const Wrong& row : rows) {
    v1::PoolSpec spec;
    EXPECT_THAT(problems_of(row.text, spec), testing::ElementsAre(row.problem)) << row.text;
  }
}

TEST(ReadDocument, NamesWhatIsWrongElsewhere) {
  v1::RolloutSpec rollout;
  EXPECT_THAT(
      problems_of("paused: yes\nsteps: [{min_flows: -1}]", rollout),
      testing::ElementsAre(
          R"(1: paused: must be true or false, not "yes")",
          R"(2: steps[0].min_flows: must be a whole number in 0..18446744073709551615, not "-1")"));
  v1::RouteSpec route;
  EXPECT_THAT(
      problems_of("priority: 2147483648", route),
      testing::ElementsAre(
          R"(1: priority: must be a whole number in -2147483648..2147483647, not "2147483648")"));
  v1::LabelSelector selector;
  EXPECT_THAT(
      problems_of("match_expressions: [{key: a, operator: in}]", selector),
      testing::ElementsAre("1: match_expressions[0].operator: must be one of In, NotIn, Exists, "
                           "DoesNotExist, not \"in\"; did you mean In?"));
}

TEST(ReadDocument, ReportsAllProblemsAtOnce) {
  v1::PoolSpec spec;

  const auto problems =
      problems_of("min_up: x\ntable_slot: 7\nbackends: [{weight: -1}, 5]\n", spec);

  EXPECT_EQ(problems.size(), 4u);
}

TEST(ReadDocument, BoundsWhatAliasesMean) {
  std::string text = "backends: [&a {name: x}";
  for (int i = 0; i < 100; ++i)
    text += ", *a";
  std::vector<YamlProblem> problems;
  v1::PoolSpec spec;

  read_document(text + "]\n", spec, {.problems = &problems, .values_max = 100});

  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].path, "backends[49]");
  EXPECT_EQ(problems[0].message, "more than 100 values, counting each use of an alias");
}

TEST(ReadDocument, SurvivesACycleOfAliases) {
  v1::PoolSpec spec;

  EXPECT_THAT(problems_of("backends: &a [*a]\n", spec),
              testing::ElementsAre("1: backends[0]: must be a mapping (field: value)"));
}

TEST(ReadDocument, StopsAfterAThousandProblems) {
  std::string text = "backends:\n";
  for (int i = 0; i < 5'000; ++i)
    text += "  - 5\n";
  v1::PoolSpec spec;

  EXPECT_EQ(problems_of(text, spec).size(), 1'000u);
}

}  // namespace
}  // namespace sluice

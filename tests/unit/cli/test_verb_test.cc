// SPDX-License-Identifier: Apache-2.0
//
// sluice test: cases against a policy, with no controller.
#include "gmock/gmock.h"
#include "tests/unit/cli/cli_fixture.h"

namespace sluice::controlplane::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr const char* kPolicy =
    "{kind: ClientClass, metadata: {name: eu, labels: {region: eu}}, "
    "spec: {prefixes: [198.51.100.0/24]}}\n"
    "--- {kind: Pool, metadata: {name: stable}, "
    "spec: {backends: [{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.2}]}}\n"
    "--- {kind: Pool, metadata: {name: spare}, "
    "spec: {backends: [{name: c, address: 10.0.0.3}]}}\n"
    "--- {kind: Pool, metadata: {name: fast}, "
    "spec: {eligible_until: \"2030-01-01T00:00:00Z\", backends: [{name: d, "
    "address: 10.0.0.4}]}}\n"
    "--- {kind: Service, metadata: {name: s}, "
    "spec: {addresses: [203.0.113.10], ports: [tcp/80]}}\n"
    "--- {kind: Route, metadata: {name: r}, "
    "spec: {service: s, clients: {match_labels: {region: eu}}, "
    "split: [{pool: stable, weight: 1}], fallback: [spare]}}\n"
    "--- {kind: Route, metadata: {name: urgent}, "
    "spec: {service: s, clients: {match_labels: {region: eu}}, dscp: [46], "
    "split: [{pool: fast, weight: 1}]}}\n"
    "--- {kind: Route, metadata: {name: night}, "
    "spec: {service: s, clients: {match_labels: {region: eu}}, priority: 1, "
    "times: [{from: 22:00, to: 06:00}], split: [{pool: spare, weight: 1}]}}\n"
    "--- {kind: Rollout, metadata: {name: x}, "
    "spec: {route: r, stable: stable, candidate: spare, steps: [{weight: 1000}]}}\n";

class TestVerb : public Cli {
 protected:
  Outcome test(const std::string& cases, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"test", "-f", write("cases.yaml", cases), "--policy",
                                          write("policy.yaml", kPolicy)};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  std::string place(int line) { return folder_.path("cases.yaml") + ":" + std::to_string(line); }
};

TEST_F(TestVerb, PassesWhenEveryClientGoesWhereItShould) {
  const Outcome outcome = test(R"(
- {from: 198.51.100.7, to: "tcp/203.0.113.10:80", expect: {pool: stable}}
- {from: "198.51.100.7:40001", to: "tcp/203.0.113.10:80", expect: {pools: [spare, stable]}}
- {from: 198.51.100.7, to: "tcp/203.0.113.10:80", down: [stable/a],
   expect: {pool: stable, backend: b}}
- {from: 198.51.100.7, to: "tcp/203.0.113.10:80", down: [stable], expect: {pool: spare, backend: c}}
- {from: 198.51.100.7, to: "tcp/203.0.113.10:80", down: [stable, spare], expect: {refused: no_pool}}
- {from: 198.51.100.7, to: "tcp/203.0.113.10:80", rollouts: {x: 1000000}, expect: {pool: spare}}
--- {from: 192.0.2.1, to: "tcp/203.0.113.10:80", expect: {refused: no_route}}
--- {from: 192.0.2.1, to: "tcp/203.0.113.10:81", expect: {refused: no_service}}
)");

  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out, "8 cases: 8 passed, 0 failed\n");
  EXPECT_EQ(outcome.code, 0);
}

TEST_F(TestVerb, SteersByDscpAndTime) {
  const Outcome outcome = test(R"(
- {from: 198.51.100.7, to: "tcp/203.0.113.10:80", dscp: 46, expect: {pool: fast}}
- {from: 198.51.100.7, to: "tcp/203.0.113.10:80", dscp: 46, time: "2030-01-01T12:00:00Z",
   expect: {refused: no_pool}}
- {from: 198.51.100.7, to: "tcp/203.0.113.10:80", time: "2027-01-15T23:00:00Z",
   expect: {pool: spare}}
- {from: 198.51.100.7, to: "tcp/203.0.113.10:80", dscp: 12, expect: {pool: stable}}
)");

  EXPECT_EQ(outcome.out, "4 cases: 4 passed, 0 failed\n") << outcome.err;
  EXPECT_EQ(outcome.code, 0);
}

TEST_F(TestVerb, SaysWhatHappenedInsteadAndWhy) {
  const Outcome outcome = test(R"(# two cases
- {from: 198.51.100.7, to: "tcp/203.0.113.10:80", expect: {pool: stable}}
- name: never the spare
  from: 198.51.100.7
  to: tcp/203.0.113.10:80
  down: [stable]
  expect: {refused: no_pool}
)");

  EXPECT_EQ(outcome.code, 9);
  EXPECT_THAT(outcome.out, StartsWith("failed " + place(3) +
                                      " never the spare: expected no pool, not backend c of pool "
                                      "spare\n  client 198.51.100.7 is of class eu"));
  EXPECT_THAT(outcome.out, HasSubstr("pool stable does not serve: 0 of 2 backends are up"));
  EXPECT_THAT(outcome.out, HasSubstr("\n2 cases: 1 passed, 1 failed\n"));
}

TEST_F(TestVerb, WritesJson) {
  const Outcome outcome = test(
      "{from: 198.51.100.7, to: 'tcp/203.0.113.10:80', expect: {pool: spare}}\n", {"-o", "json"});

  EXPECT_EQ(outcome.code, 9);
  EXPECT_THAT(outcome.out, HasSubstr("\"passed\": false"));
  EXPECT_THAT(outcome.out, HasSubstr("\"expected\": \"pool spare\""));
  EXPECT_THAT(outcome.out, HasSubstr("\"line\": 1"));
  EXPECT_THAT(outcome.out, HasSubstr("\"failed\": 1"));
}

TEST_F(TestVerb, RefusesCasesThatMakeNoSense) {
  struct Row {
    std::string fields;
    std::string violation;
  };
  const std::string from = "from: 198.51.100.7, ";
  const std::string to = "to: 'tcp/203.0.113.10:80', ";
  const std::string expect = "expect: {pool: stable}";
  const std::vector<Row> rows = {
      {to + expect, "from: is required: the client, such as 198.51.100.7"},
      {from + expect,
       "to: is required: the service as PROTOCOL/ADDRESS:PORT, such as tcp/203.0.113.10:80"},
      {"from: 198.51.100.777, " + to + expect, "from: "},
      {"from: nobody, " + expect, "from: "},
      {"from: '2001:db8::1', " + to + expect,
       "to: client and service are of different address families"},
      {from + to + "dscp: 64, " + expect, "dscp: must be in 0..63, not 64"},
      {from + to + "down: [stabel], " + expect,
       "down: no Pool is named \"stabel\"; did you mean stable?"},
      {from + to + "down: [stable/z], " + expect, "down: no backend of Pool stable is named \"z\""},
      {from + to + "rollouts: {y: 5}, " + expect, "rollouts[y]: no Rollout is named \"y\""},
      {from + to + "rollouts: {x: 1000001}, " + expect,
       "rollouts[x]: must be in 0..1000000, not 1000001"},
      {from + to + "expect: {}", "expect: needs exactly one of pool, pools and refused"},
      {from + to + "expect: {pool: stable, refused: no_pool}",
       "expect: needs exactly one of pool, pools and refused"},
      {from + to + "expect: {refused: no_pool, backend: a}",
       "expect.backend: stands beside pool only"},
      {from + to + "expect: {pools: [stable, nowhere]}",
       "expect.pools: no Pool is named \"nowhere\""},
      {from + to + "expect: {pool: stable, backend: c}",
       "expect.backend: no backend of Pool stable is named \"c\""},
      {from + to + "expects: {pool: stable}", "unknown field \"expects\"; did you mean expect?"},
  };
  for (const Row& row : rows) {
    const Outcome outcome = test("\n- {" + row.fields + "}\n");
    EXPECT_EQ(outcome.code, 1) << row.fields;
    EXPECT_THAT(outcome.err, StartsWith(place(2) + ": " + row.violation)) << row.fields;
    EXPECT_EQ(outcome.out, "") << row.fields;
  }
  EXPECT_THAT(test("").err, HasSubstr("holds no case"));
}

TEST_F(TestVerb, NeedsCases) {
  EXPECT_EQ(run({"test", "--policy", write("policy.yaml", kPolicy)}).code, 3);
}

TEST_F(TestVerb, TakesThePolicyInForceWhenNoneIsGiven) {
  const std::string cases =
      write("cases.yaml",
            "- {from: 198.51.100.7, to: \"tcp/203.0.113.10:80\", expect: {refused: no_service}}\n");
  EXPECT_EQ(run({"test", "-f", cases}).code, 4) << "none is in force";
  control_.script().policy.set_revision(7);
  const Outcome outcome = run({"test", "-f", cases});
  EXPECT_EQ(outcome.out, "1 case: 1 passed, 0 failed\n") << outcome.err;
  EXPECT_EQ(outcome.code, 0);
}

TEST_F(TestVerb, ShowsACaseInItsHelp) {
  const Outcome outcome = run({"test", "--help"});

  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out, HasSubstr("expect: {refused: no_pool}"));
}

}  // namespace
}  // namespace sluice::controlplane::cli

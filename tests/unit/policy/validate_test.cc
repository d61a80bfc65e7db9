// SPDX-License-Identifier: Apache-2.0
//
// Whether each object is right in itself: one row per violation.
#include "controlplane/policy/validate.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/policy_text.h"

namespace sluice::controlplane {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

struct Row {
  std::string spec;
  std::string violation;  // without the file and line of the spec, and the object's path
};

// Each row is the spec of one object of `kind`, written on line 3.
void expect_violations(const std::string& kind, const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    const std::string text = "kind: " + kind + "\nmetadata: {name: x}\nspec: " + row.spec + "\n";
    EXPECT_THAT(violations_of(text), ElementsAre("p.yaml:3: " + kind + "/x.spec" + row.violation))
        << row.spec;
  }
}

TEST(ValidatePolicy, AcceptsTheExample) {
  EXPECT_THAT(violations_of(example_policy()), IsEmpty());
}

TEST(ValidatePolicy, AcceptsNothingAtAll) {
  EXPECT_THAT(violations_of(""), IsEmpty());
}

TEST(ValidatePolicy, ChecksClientClasses) {
  expect_violations(
      "ClientClass",
      {{"{prefixes: [198.51.100.7/24]}",
        ".prefixes[0]: 198.51.100.7/24 has host bits set; did you mean 198.51.100.0/24?"},
       {"{prefixes: ['2001:db8::1/32']}",
        ".prefixes[0]: 2001:db8::1/32 has host bits set; did you mean 2001:db8::/32?"},
       {"{prefixes: [10.0.0.0/33]}",
        ".prefixes[0]: \"10.0.0.0/33\" is no prefix; write it like 198.51.100.0/24"},
       {"{prefixes: [eu]}", ".prefixes[0]: \"eu\" is no prefix; write it like 198.51.100.0/24"},
       {"{prefixes: [10.0.0.0/8, 10.0.0.0/8]}",
        ".prefixes[1]: 10.0.0.0/8 stands at ClientClass/x.spec.prefixes[0] (p.yaml:3) already"},
       {"{countries: [DE]}", ".countries: countries are not built yet"}});
}

TEST(ValidatePolicy, ChecksPools) {
  expect_violations(
      "Pool",
      {{"{forwarding: gue}", ".forwarding: forwarding gue is not built yet"},
       {"{forwarding: geneve}", ".forwarding: forwarding geneve is not built yet"},
       {"{forwarding: gre}", ".forwarding: forwarding gre is not built yet"},
       {"{forwarding: vxlan}", ".forwarding: forwarding vxlan is not built yet"},
       {"{forwarding: nat}", ".forwarding: forwarding nat is not built yet"},
       {"{table_slots: 65536}", ".table_slots: 65536 is no prime; the nearest are 65521 and 65537"},
       {"{table_slots: 5}", ".table_slots: must be a prime in 7..16777213, not 5"},
       {"{table_slots: 16777259}", ".table_slots: must be a prime in 7..16777213, not 16777259"},
       {"{min_up: 0}", ".min_up: must be at least 1"},
       {"{table_slots: 7, backends: [{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.2}, "
        "{name: c, "
        "address: 10.0.0.3}, {name: d, address: 10.0.0.4}, {name: e, address: 10.0.0.5}, {name: f, "
        "address: "
        "10.0.0.6}, {name: g, address: 10.0.0.7}, {name: h, address: 10.0.0.8}]}",
        ".table_slots: 7 slots cannot hold 8 backends"}});
}

TEST(ValidatePolicy, ChecksHealthChecks) {
  expect_violations(
      "Pool",
      {{"{health: {}}", ".health: needs a probe: tcp or http"},
       {"{health: {grpc: {port: 80}}}", ".health.grpc: gRPC probes are not built yet"},
       {"{health: {tcp: {}}}", ".health.tcp.port: must be in 1..65535, not 0"},
       {"{health: {tcp: {port: 65536}}}", ".health.tcp.port: must be in 1..65535, not 65536"},
       {"{health: {http: {port: 0}}}", ".health.http.port: must be in 1..65535, not 0"},
       {"{health: {http: {port: 80, path: health}}}",
        ".health.http.path: \"health\" must begin with / and have no spaces"},
       {"{health: {http: {port: 80, path: '/a b'}}}",
        ".health.http.path: \"/a b\" must begin with / and have no spaces"},
       {"{health: {http: {port: 80, host: 'a b'}}}",
        ".health.http.host: \"a b\" cannot stand in a Host header"},
       {"{health: {http: {port: 80, expect_status: [200, 600]}}}",
        ".health.http.expect_status[1]: must be in 100..599, not 600"},
       {"{health: {http: {port: 80, expect_body: " + std::string(65'537, 'x') + "}}}",
        ".health.http.expect_body: longer than the 65536 bytes that are read"},
       {"{health: {interval: 9ms, fast_interval: 10ms, tcp: {port: 80}}}",
        ".health.interval: must be in 10ms..1h, not 9ms"},
       {"{health: {interval: 1h1s, tcp: {port: 80}}}",
        ".health.interval: must be in 10ms..1h, not 1h1s"},
       {"{health: {fast_interval: 2s, tcp: {port: 80}}}",
        ".health.fast_interval: must be in 10ms..1s, not 2s"},
       {"{health: {timeout: 0s, tcp: {port: 80}}}", ".health.timeout: must be in 1ms..1m, not 0s"},
       {"{health: {rise: 0, tcp: {port: 80}}}", ".health.rise: must be in 1..100, not 0"},
       {"{health: {fall: 101, tcp: {port: 80}}}", ".health.fall: must be in 1..100, not 101"}});
}

TEST(ValidatePolicy, ChecksBackends) {
  expect_violations(
      "Pool",
      {{"{backends: [{address: 10.0.0.1}]}", ".backends[0].name: is required"},
       {"{backends: [{name: A, address: 10.0.0.1}]}",
        ".backends[0].name: \"A\" is no name; lower-case letters, digits and dashes, at most 63, "
        "no dash first or last"},
       {"{backends: [{name: a, address: 10.0.0.1}, {name: a, address: 10.0.0.2}]}",
        ".backends[1].name: \"a\" is taken by another backend of the pool (p.yaml:3)"},
       {"{backends: [{name: a, address: 10.0.0.1}, {name: b, address: 10.0.0.1}]}",
        ".backends[b].address: 10.0.0.1 is the address of Pool/x.spec.backends[a] (p.yaml:3) "
        "already"},
       {"{backends: [{name: a}]}", ".backends[a].address: is required: an IPv4 or IPv6 address"},
       {"{backends: [{name: a, address: host}]}",
        ".backends[a].address: \"host\" is no IPv4 or IPv6 address"},
       {"{backends: [{name: a, address: 0.0.0.0}]}",
        ".backends[a].address: 0.0.0.0 is unspecified"},
       {"{backends: [{name: a, address: 224.0.0.1}]}",
        ".backends[a].address: 224.0.0.1 is multicast"},
       {"{backends: [{name: a, address: 127.0.0.1}]}",
        ".backends[a].address: 127.0.0.1 is loopback"},
       {"{backends: [{name: a, address: 255.255.255.255}]}",
        ".backends[a].address: 255.255.255.255 is the broadcast address"},
       {"{backends: [{name: a, address: '::1'}]}", ".backends[a].address: ::1 is loopback"},
       {"{backends: [{name: a, address: '::'}]}", ".backends[a].address: :: is unspecified"},
       {"{backends: [{name: a, address: 'ff02::1'}]}",
        ".backends[a].address: ff02::1 is multicast"},
       {"{backends: [{name: a, address: 'fe80::1'}]}",
        ".backends[a].address: fe80::1 is link-local"},
       {"{backends: [{name: a, address: '::ffff:10.0.0.1'}]}",
        ".backends[a].address: ::ffff:10.0.0.1 is an IPv4 address in IPv6 form; write the IPv4 "
        "address itself"},
       {"{backends: [{name: a, address: 10.0.0.1, weight: 1000001}]}",
        ".backends[a].weight: must be in 0..1000000, not 1000001"},
       {"{backends: [{name: a, address: 10.0.0.1, eligible_until: 1969-12-31T23:59:59Z}]}",
        ".backends[a].eligible_until: must be in the years 1970..9999"},
       {"{backends: [{name: a, address: 10.0.0.1, labels: {'-x': y}}]}",
        ".backends[a].labels[-x]: \"-x\" is no label key; 1 to 63 letters, digits and - _ . / "
        "between them"},
       {"{backends: [{name: a, address: 10.0.0.1, labels: {x: \"a\\tb\"}}]}",
        ".backends[a].labels[x]: \"a\\x09b\" is no label value; at most 63 bytes of printable "
        "text"},
       {"{backends: [{name: a, address: 10.0.0.1, labels: {x: " + std::string(64, 'v') + "}}]}",
        ".backends[a].labels[x]: \"" + std::string(64, 'v') +
            "\" is no label value; at most 63 bytes of printable text"}});
}

TEST(ValidatePolicy, ChecksServices) {
  expect_violations(
      "Service",
      {{"{ports: [tcp/80]}", ".addresses: needs at least one address"},
       {"{addresses: [10.0.0.1]}", ".ports: needs at least one port, such as tcp/80"},
       {"{addresses: [chat], ports: [tcp/80]}",
        ".addresses[0]: \"chat\" is no IPv4 or IPv6 address"},
       {"{addresses: [224.1.1.1], ports: [tcp/80]}", ".addresses[0]: 224.1.1.1 is multicast"},
       {"{addresses: ['::'], ports: [tcp/80]}", ".addresses[0]: :: is unspecified"},
       {"{addresses: [127.1.1.1], ports: [tcp/80]}", ".addresses[0]: 127.1.1.1 is loopback"},
       {"{addresses: [10.0.0.1, 10.0.0.1], ports: [tcp/80]}",
        ".addresses[1]: 10.0.0.1 stands here twice"},
       {"{addresses: [10.0.0.1], ports: [http]}",
        ".ports[0]: \"http\" is no port; write tcp/80, udp/443, or tcp/0 for any port"},
       {"{addresses: [10.0.0.1], ports: [tcp/65536]}",
        ".ports[0]: \"tcp/65536\" is no port; write tcp/80, udp/443, or tcp/0 for any port"},
       {"{addresses: [10.0.0.1], ports: [TCP/80]}",
        ".ports[0]: \"TCP/80\" is no port; write tcp/80, udp/443, or tcp/0 for any port"},
       {"{addresses: [10.0.0.1], ports: [sctp/5000]}", ".ports[0]: SCTP is not built yet"},
       {"{addresses: [10.0.0.1], ports: [tcp/80, tcp/80]}", ".ports[1]: tcp/80 stands here twice"},
       {"{addresses: [10.0.0.1], ports: [tcp/80, tcp/0]}", ".ports[0]: tcp/80 is part of tcp/0"},
       {"{addresses: [10.0.0.1], ports: [tcp/80], tcp_idle: 999ms}",
        ".tcp_idle: must be in 1s..30d, not 999ms"},
       {"{addresses: [10.0.0.1], ports: [tcp/80], tcp_idle: 31d}",
        ".tcp_idle: must be in 1s..30d, not 31d"}});
}

TEST(ValidatePolicy, ChecksGuardrails) {
  expect_violations(
      "Guardrail",
      {{"{caps: [{max_share: 5}]}",
        ".caps[0].pools: is required: a selector over pool labels; all pools together have the "
        "whole"},
       {"{caps: [{pools: {match_labels: {a: b}}, max_share: 1000001}]}",
        ".caps[0].max_share: must be in 0..1000000, not 1000001"},
       {"{caps: [{pools: {match_expressions: [{key: a, operator: In}]}}]}",
        ".caps[0].pools.match_expressions[0].values: In and NotIn need at least one value"},
       {"{approvals: 101}", ".approvals: must be in 0..100, not 101"},
       {"{require: {match_expressions: [{operator: Exists}]}}",
        ".require.match_expressions[0].key: is required"},
       {"{require: {match_expressions: [{key: a}]}}",
        ".require.match_expressions[0].operator: is required: In, NotIn, Exists or DoesNotExist"},
       {"{require: {match_expressions: [{key: a, operator: In}]}}",
        ".require.match_expressions[0].values: In and NotIn need at least one value"},
       {"{clients: {match_expressions: [{key: a, operator: Exists, values: [b]}]}}",
        ".clients.match_expressions[0].values: Exists and DoesNotExist take no values"},
       {"{services: {match_labels: {'a b': c}}}",
        ".services.match_labels[a b]: \"a b\" is no label key; 1 to 63 letters, digits and - _ . / "
        "between them"}});
}

TEST(ValidatePolicy, AcceptsEverythingThatAGuardrailCanSay) {
  EXPECT_THAT(
      violations_of("kind: Guardrail\nmetadata: {name: x}\nspec: {mode: monitor, audit: "
                    "fail_closed, approvals: 2, caps: [{pools: {match_labels: {approval: trial}}, "
                    "max_share: 50000}]}\n"),
      IsEmpty());
}

TEST(ValidatePolicy, ReportsEverythingAtOnce) {
  const auto violations = violations_of(R"(kind: Pool
metadata: {name: a}
spec:
  table_slots: 65536
  min_up: x
  forwarding: gue
  backends:
  - {name: b, adress: 10.0.0.1}
---
kind: Route
metadata: {name: r}
spec:
  service: chat
  split: [{pool: b, weight: 2000000}]
)");

  EXPECT_THAT(
      violations,
      ElementsAre(
          "p.yaml:5: Pool/a.spec.min_up: must be a whole number in 0..4294967295, not \"x\"",
          "p.yaml:8: Pool/a.spec.backends[b]: unknown field \"adress\"; did you mean address?",
          "p.yaml:6: Pool/a.spec.forwarding: forwarding gue is not built yet",
          "p.yaml:4: Pool/a.spec.table_slots: 65536 is no prime; the nearest are 65521 and 65537",
          "p.yaml:8: Pool/a.spec.backends[b].address: is required: an IPv4 or IPv6 address",
          "p.yaml:13: Route/r.spec.service: no Service is named \"chat\"",
          "p.yaml:14: Route/r.spec.split[0].pool: no Pool is named \"b\"; did you mean a?",
          "p.yaml:14: Route/r.spec.split[0].weight: must be in 0..1000000, not 2000000"));
}

}  // namespace
}  // namespace sluice::controlplane

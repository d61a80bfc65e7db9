// SPDX-License-Identifier: Apache-2.0
//
// The forwarding table of the example policy, and of random ones.
#include "controlplane/planner/compile.h"

#include <algorithm>
#include <random>

#include "dataplane/table/from_proto.h"
#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "google/protobuf/util/message_differencer.h"
#include "gtest/gtest.h"
#include "tests/support/policy_text.h"

namespace sluice::controlplane {
namespace {

using google::protobuf::util::MessageDifferencer;
using testing::ElementsAre;
using testing::IsEmpty;

CompileResult compile_text(const std::string& text) {
  Violations violations;
  const ParsedPolicy parsed = parse_text(text, violations);
  validate_policy(parsed.policy, client_sets(parsed.policy), parsed.source, violations);
  EXPECT_THAT(to_strings(violations), IsEmpty());
  return compile_policy(parsed.policy, client_sets(parsed.policy), parsed.source,
                        {.steering_key = test_steering_key()});
}

constexpr const char* kExampleTable = R"(
generation: 1
revision: 1
steering_key: "sluice-test-key!"
eligibility_epoch: 1
client_classes {
  name: "eu" labels { key: "region" value: "eu" }
  prefixes: " \001\r\270\000\016\000\000\000\000\000\000\000\000\000\0000"
  prefixes: "\3063d\000\030"
}
client_classes {
  name: "eu+acme" labels { key: "region" value: "eu" } labels { key: "tenant" value: "acme" }
  prefixes: "\3063d@\032"
}
client_classes { name: "unknown" labels { key: "region" value: "unknown" } }
client_classes {
  name: "us" labels { key: "region" value: "us" }
  prefixes: " \001\r\270\000\n\000\000\000\000\000\000\000\000\000\0000"
  prefixes: "\300\000\002\000\030"
}
services {
  name: "chat"
  addresses: " \001\r\270\000\017\000\000\000\000\000\000\000\000\000\020" addresses: "\313\000q\n"
  ports { protocol: 6 port: 80 }
  affinity: AFFINITY_CLIENT tcp_idle { seconds: 900 } reject: REJECT_RESET
}
pools {
  name: "chat-v1-eu"
  labels { key: "approval" value: "approved" } labels { key: "jurisdiction" value: "eu" }
  labels { key: "model" value: "chat" } labels { key: "version" value: "v1" }
  forwarding: FORWARDING_IPIP table_slots: 65537 min_up: 1 eligible_until { seconds: 1924992000 }
  health {
    interval { seconds: 1 } fast_interval { nanos: 200000000 }
    timeout { nanos: 300000000 } rise: 2 fall: 3
    http { port: 80 path: "/health" expect_status: 200 expect_body: "chat v1" }
  }
  backends {
    name: "v1-a" address: "\nM\001\013" weight: 100
    labels { key: "approval" value: "approved" } labels { key: "jurisdiction" value: "eu" }
    labels { key: "model" value: "chat" } labels { key: "version" value: "v1" }
    labels { key: "zone" value: "fra1" }
  }
  backends {
    name: "v1-b" address: "\nM\001\014" weight: 100
    labels { key: "approval" value: "approved" } labels { key: "jurisdiction" value: "eu" }
    labels { key: "model" value: "chat" } labels { key: "version" value: "v1" }
    labels { key: "zone" value: "fra2" }
  }
}
pools {
  name: "chat-v2-eu"
  labels { key: "approval" value: "approved" } labels { key: "jurisdiction" value: "eu" }
  labels { key: "model" value: "chat" } labels { key: "version" value: "v2" }
  forwarding: FORWARDING_IPIP table_slots: 65537 min_up: 1
  health {
    interval { seconds: 1 } fast_interval { nanos: 200000000 }
    timeout { nanos: 300000000 } rise: 2 fall: 3
    tcp { port: 80 }
  }
  backends {
    name: "v2-a" address: "\nM\001\025" weight: 1
    labels { key: "approval" value: "approved" } labels { key: "jurisdiction" value: "eu" }
    labels { key: "model" value: "chat" } labels { key: "version" value: "v2" }
  }
}
pools {
  name: "chat-v2-us"
  labels { key: "approval" value: "approved" } labels { key: "jurisdiction" value: "us" }
  labels { key: "model" value: "chat" } labels { key: "version" value: "v2" }
  forwarding: FORWARDING_IPIP table_slots: 65537 min_up: 1
  health {
    interval { seconds: 1 } fast_interval { nanos: 200000000 }
    timeout { nanos: 300000000 } rise: 2 fall: 3
    tcp { port: 80 }
  }
  backends {
    name: "v2-us-a" address: "\nM\001\037" weight: 1
    labels { key: "approval" value: "approved" } labels { key: "jurisdiction" value: "us" }
    labels { key: "model" value: "chat" } labels { key: "version" value: "v2" }
  }
}
routes { name: "chat-default" service: "chat" split_seed: "chat-default"
  split { pool: "chat-v2-us" weight: 1 } }
routes {
  name: "chat-eu" service: "chat" split_seed: "chat-eu"
  split { pool: "chat-v1-eu" weight: 90 } split { pool: "chat-v2-eu" weight: 10 }
  fallback: "chat-v2-eu" fallback: "chat-v1-eu"
}
steering {
  service: "chat" client_class: "eu" route: "chat-eu" eligible_pools: "chat-v1-eu"
  eligible_pools: "chat-v2-eu"
}
steering {
  service: "chat" client_class: "eu+acme" route: "chat-eu"
  eligible_pools: "chat-v1-eu" eligible_pools: "chat-v2-eu"
}
steering {
  service: "chat" client_class: "unknown" route: "chat-default"
  eligible_pools: "chat-v1-eu" eligible_pools: "chat-v2-eu" eligible_pools: "chat-v2-us"
}
steering {
  service: "chat" client_class: "us" route: "chat-default"
  eligible_pools: "chat-v1-eu" eligible_pools: "chat-v2-eu" eligible_pools: "chat-v2-us"
})";

TEST(CompilePolicy, CompilesTheExample) {
  const CompileResult result = compile_text(example_policy());

  EXPECT_THAT(to_strings(result.refusals), IsEmpty());
  EXPECT_THAT(to_strings(result.warnings), IsEmpty());
  v1::ForwardingTable expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(kExampleTable, &expected));
  std::string difference;
  MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&difference);
  EXPECT_TRUE(differencer.Compare(expected, *result.table)) << difference;
}

TEST(CompilePolicy, MakesATableThatNodesAccept) {
  dataplane::Registry registry;

  const auto built =
      dataplane::build_table(*compile_text(example_policy()).table, nullptr, registry);

  EXPECT_TRUE(built.ok()) << built.status();
  EXPECT_THAT(built->report.warnings, IsEmpty());
}

TEST(CompilePolicy, CarriesTheHeader) {
  v1::Override later, earlier;
  later.set_pool("b");
  earlier.set_pool("a");
  earlier.set_backend("x");

  const v1::ForwardingTable table = *compile_policy({}, client_sets({}), {},
                                                    {.generation = 7,
                                                     .revision = 5,
                                                     .term = 3,
                                                     .eligibility_epoch = 2,
                                                     .steering_key = test_steering_key(),
                                                     .overrides = {later, earlier}})
                                         .table;

  EXPECT_EQ(table.generation(), 7u);
  EXPECT_EQ(table.revision(), 5u);
  EXPECT_EQ(table.term(), 3u);
  EXPECT_EQ(table.eligibility_epoch(), 2u);
  EXPECT_EQ(table.steering_key().size(), 16u);
  ASSERT_EQ(table.overrides_size(), 2);
  EXPECT_EQ(table.overrides(0).pool(), "a");
  ASSERT_EQ(table.client_classes_size(), 1);
  EXPECT_EQ(table.client_classes(0).name(), "unknown");
}

TEST(CompilePolicy, DoesNotDependOnTheOrderOfObjects) {
  Violations violations;
  const ParsedPolicy parsed = parse_text(example_policy(), violations);
  const TableHeader header{.steering_key = test_steering_key()};
  const v1::ForwardingTable expected =
      *compile_policy(parsed.policy, client_sets(parsed.policy), parsed.source, header).table;
  std::mt19937 random(3);

  for (int i = 0; i < 20; ++i) {
    v1::Policy shuffled = parsed.policy;
    const auto shuffle = [&](auto& list) { std::shuffle(list.begin(), list.end(), random); };
    shuffle(*shuffled.mutable_client_classes());
    shuffle(*shuffled.mutable_pools());
    shuffle(*shuffled.mutable_routes());
    for (v1::Pool& pool : *shuffled.mutable_pools())
      shuffle(*pool.mutable_spec()->mutable_backends());
    for (v1::Route& route : *shuffled.mutable_routes())
      shuffle(*route.mutable_spec()->mutable_split());
    EXPECT_TRUE(MessageDifferencer::Equals(
        *compile_policy(shuffled, client_sets(shuffled), parsed.source, header).table, expected));
  }
}

TEST(CompilePolicy, WritesDefaultsOut) {
  const v1::ForwardingTable table = *compile_text(R"(
kind: Service
metadata: {name: s}
spec: {addresses: [203.0.113.1], ports: [udp/0, tcp/443]}
---
kind: Pool
metadata: {name: p}
spec:
  health: {interval: 100ms, http: {port: 80, expect_status: [302, 200]}}
  backends: [{name: b, address: 10.0.0.1}]
---
kind: Route
metadata: {name: r}
spec: {service: s, split: [{pool: p, weight: 1}]}
)")
                                         .table;

  EXPECT_EQ(table.services(0).affinity(), v1::AFFINITY_FLOW);
  EXPECT_EQ(table.services(0).reject(), v1::REJECT_RESET);
  EXPECT_FALSE(table.services(0).has_tcp_idle());
  EXPECT_EQ(table.services(0).ports(0).protocol(), 6u);
  EXPECT_EQ(table.services(0).ports(1).protocol(), 17u);
  EXPECT_EQ(table.services(0).ports(1).port(), 0u);
  const v1::HealthCheck& health = table.pools(0).health();
  EXPECT_EQ(health.interval().nanos(), 100'000'000);
  EXPECT_EQ(health.fast_interval().nanos(), 100'000'000);
  EXPECT_EQ(health.http().path(), "/");
  EXPECT_THAT(health.http().expect_status(), ElementsAre(200, 302));
  EXPECT_EQ(table.routes(0).split_seed(), "r");
}

TEST(CompilePolicy, LeavesClientsWithoutARouteToBeRejected) {
  const v1::ForwardingTable table = *compile_text(R"(
{kind: Service, metadata: {name: s}, spec: {addresses: [203.0.113.1], ports: [tcp/80]}}
---
{kind: Pool, metadata: {name: p}, spec: {backends: [{name: b, address: 10.0.0.1}]}}
---
{kind: ClientClass, metadata: {name: eu, labels: {region: eu}}, spec: {prefixes: [198.51.100.0/24]}}
---
{kind: Route, metadata: {name: r}, spec: {service: s, clients: {match_labels: {region: eu}},
  split: [{pool: p, weight: 1}]}}
)")
                                         .table;

  ASSERT_EQ(table.steering_size(), 2);
  EXPECT_EQ(table.steering(0).route(), "r");
  EXPECT_EQ(table.steering(1).client_class(), "unknown");
  EXPECT_EQ(table.steering(1).route(), "");
}

}  // namespace
}  // namespace sluice::controlplane

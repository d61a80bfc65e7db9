// SPDX-License-Identifier: Apache-2.0
//
// What a table must be to be built, and what is shared with the table before.
#include "dataplane/table/from_proto.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>

#include "absl/strings/match.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/unit/table/small_table.h"

namespace sluice::dataplane {
namespace {

BuiltTable build(const v1::ForwardingTable& message, const Table* previous, Registry& registry) {
  auto built = build_table(message, previous, registry);
  EXPECT_TRUE(built.ok()) << built.status();
  return *std::move(built);
}

TEST(BuildTable, BuildsTheDocumentedPolicy) {
  Registry registry;
  const BuiltTable built = build(small_table(), nullptr, registry);
  const Table& table = *built.table;

  EXPECT_EQ(table.generation, 3u);
  EXPECT_EQ(table.classes[0].name, "unknown");
  EXPECT_EQ(table.pools[0].members[0].labels.at("version"), "v1");
  EXPECT_EQ(table.services[0].tcp_idle_ms, 900'000u);
  EXPECT_EQ(table.backend_capacity, 4u);
  EXPECT_EQ(table.routes[0].uses.size(), 2u);
  EXPECT_EQ(table.routes[0].fallback, (std::vector<uint32_t>{1, 0}));
  EXPECT_EQ(registry.target_count(), 4u);
  EXPECT_EQ(built.report.pools_built, 3u);
  EXPECT_TRUE(built.report.warnings.empty());
}

TEST(BuildTable, OverlaysBackendLabelsOverThePools) {
  v1::ForwardingTable message = small_table();
  (*message.mutable_pools(0)->mutable_backends(1)->mutable_labels())["version"] = "v1-hotfix";
  Registry registry;
  const BuiltTable built = build(message, nullptr, registry);

  EXPECT_EQ(built.table->pools[0].members[0].labels.at("version"), "v1");
  EXPECT_EQ(built.table->pools[0].members[1].labels.at("version"), "v1-hotfix");
}

TEST(BuildTable, KnowsWhichPoolsAreEligible) {
  Registry registry;
  const BuiltTable built = build(small_table(), nullptr, registry);
  const auto index_of = [&](const char* name) {
    for (uint32_t i = 0; i < 3; ++i) {
      if (built.table->classes[i].name == name) return ClassIndex{i};
    }
    return ClassIndex{};
  };

  EXPECT_TRUE(built.table->is_eligible({0}, index_of("eu"), PoolIndex{0}));
  EXPECT_FALSE(built.table->is_eligible({0}, index_of("eu"), PoolIndex{2}));
  EXPECT_TRUE(built.table->is_eligible({0}, index_of("us"), PoolIndex{1}));
  EXPECT_FALSE(built.table->is_eligible({0}, index_of("unknown"), PoolIndex{0}));
}

TEST(BuildTable, SharesWhatDidNotChange) {
  Registry registry;
  const BuiltTable before = build(small_table(), nullptr, registry);
  v1::ForwardingTable message = small_table();
  message.set_generation(4);
  message.mutable_pools(0)->mutable_backends(0)->set_weight(50);
  message.mutable_routes(0)->mutable_split(0)->set_weight(80);
  const BuiltTable after = build(message, before.table.get(), registry);

  EXPECT_EQ(after.report.pools_built, 1u);
  EXPECT_EQ(after.report.pools_shared, 2u);
  EXPECT_NE(after.table->pools[0].slots, before.table->pools[0].slots);
  EXPECT_EQ(after.table->pools[1].slots, before.table->pools[1].slots);
  EXPECT_NE(after.table->routes[0].split, before.table->routes[0].split);
  EXPECT_EQ(after.table->routes[1].split, before.table->routes[1].split);
  EXPECT_EQ(after.table->classes_v4, before.table->classes_v4);
  EXPECT_EQ(after.table->classes_v6, before.table->classes_v6);
  EXPECT_EQ(after.table->pools[0].members[0].id, before.table->pools[0].members[0].id);
}

TEST(BuildTable, KeepsTheTargetsOfWhatDidNotChange) {
  Registry registry;
  const BuiltTable before = build(small_table(), nullptr, registry);
  v1::ForwardingTable message = small_table();
  message.mutable_routes(0)->mutable_split(0)->set_weight(80);
  const BuiltTable after = build(message, before.table.get(), registry);

  for (size_t route = 0; route < 2; ++route) {
    for (size_t use = 0; use < before.table->routes[route].uses.size(); ++use) {
      EXPECT_EQ(after.table->routes[route].uses[use].targets,
                before.table->routes[route].uses[use].targets);
    }
  }
  EXPECT_EQ(registry.target_count(), 4u);
}

TEST(BuildTable, NamesTargetsAnewWhenLabelsOrBackendsChange) {
  Registry registry;
  const BuiltTable before = build(small_table(), nullptr, registry);
  const std::vector<TargetId> old = before.table->routes[0].uses[0].targets;
  v1::ForwardingTable message = small_table();
  (*message.mutable_pools(0)->mutable_backends(0)->mutable_labels())["version"] = "v1-hotfix";
  message.mutable_pools(0)->mutable_backends(1)->set_address(address_bytes("10.77.1.99"));
  const BuiltTable after = build(message, before.table.get(), registry);
  const std::vector<TargetId> current = after.table->routes[0].uses[0].targets;

  EXPECT_NE(current[0], old[0]);
  EXPECT_EQ(registry.names(current[0])->pool_labels.at("version"), "v1-hotfix");
  EXPECT_NE(registry.names(old[0])->pool_labels.at("version"), "v1-hotfix");
  EXPECT_NE(current[1], old[1]);
  EXPECT_NE(after.table->pools[0].members[1].id, before.table->pools[0].members[1].id);
}

TEST(BuildTable, LeavesNoLabelsOfATableThatNeverRan) {
  Registry registry;
  const BuiltTable running = build(small_table(), nullptr, registry);
  v1::ForwardingTable refused = small_table();
  (*refused.mutable_pools(0)->mutable_labels())["jurisdiction"] = "venus";
  build(refused, running.table.get(), registry);

  const BuiltTable after = build(small_table(), running.table.get(), registry);
  for (const TargetId id : after.table->routes[0].uses[0].targets) {
    EXPECT_NE(registry.names(id)->pool_labels["jurisdiction"], "venus");
  }
}

TEST(BuildTable, ProvesPrefixesThatChanged) {
  Registry registry;
  const BuiltTable before = build(small_table(), nullptr, registry);
  v1::ForwardingTable message = small_table();
  const std::string taken = message.client_classes(0).prefixes(0);
  for (v1::ClientClassEntry& entry : *message.mutable_client_classes()) {
    if (entry.name() == "us") entry.add_prefixes(taken);
  }

  const auto built = build_table(message, before.table.get(), registry);

  EXPECT_NE(built.status().message().find("client_classes[us].prefixes: "), absl::string_view::npos)
      << built.status();
}

TEST(BuildTable, MatchesPrefixesThatMoveToAnotherClass) {
  Registry registry;
  const BuiltTable before = build(small_table(), nullptr, registry);
  v1::ForwardingTable message = small_table();
  v1::ClientClassEntry* us = nullptr;
  for (v1::ClientClassEntry& entry : *message.mutable_client_classes()) {
    if (entry.name() == "us") us = &entry;
  }
  const std::string moved = message.client_classes(0).prefixes(0);
  message.mutable_client_classes(0)->mutable_prefixes()->DeleteSubrange(0, 1);
  us->add_prefixes(moved);
  const BuiltTable after = build(message, before.table.get(), registry);
  const auto class_of = [&](const Table& table) {
    const auto* source = reinterpret_cast<const uint8_t*>(moved.data());
    const bool is_ipv4 = moved.size() == 5;
    return table
        .classes[is_ipv4 ? table.classify_client<Family::kIpv4>(source).value
                         : table.classify_client<Family::kIpv6>(source).value]
        .name;
  };

  EXPECT_EQ(class_of(*before.table), "eu");
  EXPECT_EQ(class_of(*after.table), "us");
}

TEST(BuildTable, SharesNothingHashedAfterAChangeOfKey) {
  Registry registry;
  const BuiltTable before = build(small_table(), nullptr, registry);
  v1::ForwardingTable message = small_table();
  message.set_steering_key("another key 16 b");
  const BuiltTable after = build(message, before.table.get(), registry);

  EXPECT_EQ(after.report.pools_shared, 0u);
  EXPECT_NE(after.table->routes[0].split, before.table->routes[0].split);
}

TEST(BuildTable, WarnsOfFewSlots) {
  v1::ForwardingTable message = small_table();
  message.mutable_pools(0)->set_table_slots(101);
  Registry registry;
  const BuiltTable built = build(message, nullptr, registry);

  ASSERT_EQ(built.report.warnings.size(), 1u);
  EXPECT_NE(built.report.warnings[0].find("pools[v1].table_slots: 101 slots for 2 backends"),
            std::string::npos);
}

v1::OnDegraded& degradable(v1::ForwardingTable& table) {
  v1::OnDegraded& bound = *table.mutable_routes(0)->mutable_on_degraded();
  bound.set_action(v1::OnDegraded::ACTION_FALLBACK);
  bound.mutable_window()->set_seconds(30);
  bound.set_min_flows(50);
  bound.set_slower_by(100);
  return bound;
}

struct Defect {
  const char* violation;
  std::function<void(v1::ForwardingTable&)> make;
};

using T = v1::ForwardingTable;

void add_span(T& table, uint32_t begin, uint32_t end) {
  v1::WeekMinutes& span = *table.mutable_routes(0)->add_times();
  span.set_begin(begin);
  span.set_end(end);
}

const Defect kDefects[] = {
    {"generation: is 0", [](T& t) { t.set_generation(0); }},
    {"revision: is 0", [](T& t) { t.set_revision(0); }},
    {"eligibility_epoch: is 0", [](T& t) { t.set_eligibility_epoch(0); }},
    {"steering_key: has 3 bytes, must have 16", [](T& t) { t.set_steering_key("abc"); }},
    {"client_classes: \"unknown\" is missing",
     [](T& t) { t.mutable_client_classes(1)->set_name("other"); }},
    {"client_classes[eu]: is there twice",
     [](T& t) { t.mutable_client_classes(2)->set_name("eu"); }},
    {"client_classes[eu].prefixes: a prefix of 4 bytes is none",
     [](T& t) { t.mutable_client_classes(0)->set_prefixes(0, "abcd"); }},
    {"client_classes[eu].prefixes: a prefix of 0 bytes is none",
     [](T& t) { t.mutable_client_classes(0)->set_prefixes(0, ""); }},
    {"client_classes[eu].prefixes: a prefix of 5 bytes is none",
     [](T& t) { t.mutable_client_classes(0)->set_prefixes(0, "abcd\x10"); }},
    {"client_classes[us].prefixes: 198.51.100.0/24 is also in class eu",
     [](T& t) { t.mutable_client_classes(2)->add_prefixes(prefix_bytes("198.51.100.0/24")); }},
    {"services[]: has no name", [](T& t) { t.add_services(); }},
    {"services[chat].addresses: is empty", [](T& t) { t.mutable_services(0)->clear_addresses(); }},
    {"services[chat].ports: is empty", [](T& t) { t.mutable_services(0)->clear_ports(); }},
    {"services[chat].addresses: an address of 5 bytes is none",
     [](T& t) { t.mutable_services(0)->add_addresses("12345"); }},
    {"services[chat].ports: protocol 132 is not built",
     [](T& t) { t.mutable_services(0)->mutable_ports(0)->set_protocol(132); }},
    {"services[chat].ports: port 65536 is above",
     [](T& t) { t.mutable_services(0)->mutable_ports(0)->set_port(65536); }},
    {"services[chat].affinity: is 0", [](T& t) { t.mutable_services(0)->clear_affinity(); }},
    {"services[chat].reject: is 0", [](T& t) { t.mutable_services(0)->clear_reject(); }},
    {"services[chat].tcp_idle: is 0 s",
     [](T& t) { t.mutable_services(0)->mutable_tcp_idle()->clear_seconds(); }},
    {"services[more].addresses: 203.0.113.10 with protocol 6 port 80 is also in service chat",
     [](T& t) {
       *t.add_services() = t.services(0);
       t.mutable_services(1)->set_name("more");
     }},
    {"services[chat].tcp_idle: has -1 ns",
     [](T& t) { t.mutable_services(0)->mutable_tcp_idle()->set_nanos(-1); }},
    {"pools[v1].forwarding: is 2; ipip and l2 are built",
     [](T& t) { t.mutable_pools(0)->set_forwarding(v1::FORWARDING_GUE); }},
    {"pools[v1].table_slots: is 1000, must be a prime",
     [](T& t) { t.mutable_pools(0)->set_table_slots(1000); }},
    {"pools[v1].table_slots: is 5, must be a prime from 7",
     [](T& t) { t.mutable_pools(0)->set_table_slots(5); }},
    {"pools[v1].table_slots: is 4294967291",
     [](T& t) { t.mutable_pools(0)->set_table_slots(4294967291); }},
    {"pools[v1].min_up: is 0", [](T& t) { t.mutable_pools(0)->set_min_up(0); }},
    {"pools[v1].eligible_until: is no time",
     [](T& t) { t.mutable_pools(0)->mutable_eligible_until()->set_seconds(INT64_MAX); }},
    {"pools[v1].health: has no probe that is built",
     [](T& t) { t.mutable_pools(0)->mutable_health()->mutable_grpc()->set_port(80); }},
    {"pools[v1].health.http.port: is 0",
     [](T& t) { t.mutable_pools(0)->mutable_health()->mutable_http(); }},
    {"pools[v1].health.rise: must be 1 to 100",
     [](T& t) { t.mutable_pools(0)->mutable_health()->set_rise(0); }},
    {"pools[v1].backends[v1-b].weight: is 1000001",
     [](T& t) { t.mutable_pools(0)->mutable_backends(1)->set_weight(1'000'001); }},
    {"pools[v1].backends[v1-b].address: has 0 bytes",
     [](T& t) { t.mutable_pools(0)->mutable_backends(1)->clear_address(); }},
    {"pools[v1].backends[v1-b].address: 10.77.1.11 is also v1-a",
     [](T& t) {
       t.mutable_pools(0)->mutable_backends(1)->set_address(address_bytes("10.77.1.11"));
     }},
    {"pools[v2].backends[v2-a].address: 10.77.1.11 is also in pool v1 of service chat",
     [](T& t) {
       t.mutable_pools(1)->mutable_backends(0)->set_address(address_bytes("10.77.1.11"));
     }},
    {"pools[v1].backends[v1-a]: is there twice",
     [](T& t) { t.mutable_pools(0)->mutable_backends(1)->set_name("v1-a"); }},
    {"routes[chat-eu].service: there is no service talk",
     [](T& t) { t.mutable_routes(0)->set_service("talk"); }},
    {"routes[chat-eu].split_seed: has 0 bytes",
     [](T& t) { t.mutable_routes(0)->clear_split_seed(); }},
    {"routes[chat-eu].split: there is no pool v9",
     [](T& t) { t.mutable_routes(0)->mutable_split(0)->set_pool("v9"); }},
    {"routes[chat-eu].split[v2]: is there twice",
     [](T& t) { t.mutable_routes(0)->mutable_split(0)->set_pool("v2"); }},
    {"routes[chat-eu].split: no pool has weight",
     [](T& t) {
       t.mutable_routes(0)->mutable_split(0)->set_weight(0);
       t.mutable_routes(0)->mutable_split(1)->set_weight(0);
     }},
    {"routes[chat-eu].fallback: there is no pool v9",
     [](T& t) { t.mutable_routes(0)->set_fallback(0, "v9"); }},
    {"routes[chat-eu].rollouts[v2-us].stable: is not in the split",
     [](T& t) { add_rollout(t, "v2-us", "v2", 1); }},
    {"routes[chat-eu].rollouts: there is no pool v9", [](T& t) { add_rollout(t, "v1", "v9", 1); }},
    {"routes[chat-eu].rollouts[v1]: is there twice",
     [](T& t) {
       add_rollout(t, "v1", "v2", 1);
       add_rollout(t, "v1", "v2", 2);
     }},
    {"routes[chat-eu].rollouts[v1].candidate: is the stable pool",
     [](T& t) { add_rollout(t, "v1", "v1", 1); }},
    {"routes[chat-eu].rollouts[v1].weight: is 1000001",
     [](T& t) { add_rollout(t, "v1", "v2", 1'000'001); }},
    {"routes[chat-eu].rollouts[v1].seed: has 0 bytes",
     [](T& t) { add_rollout(t, "v1", "v2", 1).clear_seed(); }},
    {"routes[chat-eu].rollouts[v1].observe_age_ms: is 600001",
     [](T& t) { add_rollout(t, "v1", "v2", 1).set_observe_age_ms(600'001); }},
    {"steering[chat,eu].route: service chat, class eu, route chat-eu reaches pool v2-us, which is "
     "not eligible",
     [](T& t) { add_rollout(t, "v1", "v2-us", 0); }},
    {"steering[chat,eu].route: there is no route talk",
     [](T& t) { t.mutable_steering(0)->set_route("talk"); }},
    {"steering[chat,eu]: is there twice", [](T& t) { *t.add_steering() = t.steering(0); }},
    {"steering: there is no entry for service chat and class us",
     [](T& t) { t.mutable_steering()->RemoveLast(); }},
    {"steering[chat,eu].route: service chat, class eu, route chat-eu reaches pool v2, which is "
     "not eligible",
     [](T& t) { t.mutable_steering(0)->mutable_eligible_pools()->RemoveLast(); }},
    {"pools[v1].backends[v1-b].eligible_until: is no time",
     [](T& t) {
       t.mutable_pools(0)->mutable_backends(1)->mutable_eligible_until()->set_seconds(-1);
     }},
    {"routes[chat-eu].dscp: 64 is above 63", [](T& t) { t.mutable_routes(0)->add_dscp(64); }},
    {"routes[chat-eu].times: 5 to 5 is no span", [](T& t) { add_span(t, 5, 5); }},
    {"routes[chat-eu].times: 5 to 10081 is no span", [](T& t) { add_span(t, 5, 10'081); }},
    {"routes[chat-eu].times: 9 to 12 is no span of minutes of the week behind the one before",
     [](T& t) {
       add_span(t, 5, 10);
       add_span(t, 9, 12);
     }},
    {"steering[chat,eu].route: chat-eu has dscp or times: it must be one of conditional_routes",
     [](T& t) { t.mutable_routes(0)->add_dscp(46); }},
    {"routes[chat-eu].on_degraded.action: is 0, must be fallback",
     [](T& t) { degradable(t).clear_action(); }},
    {"routes[chat-eu].on_degraded.window: must be 5 s to 10 m",
     [](T& t) { degradable(t).mutable_window()->set_seconds(4); }},
    {"routes[chat-eu].on_degraded.min_flows: is 0", [](T& t) { degradable(t).clear_min_flows(); }},
    {"routes[chat-eu].on_degraded.handshake_loss: is 1000001",
     [](T& t) { degradable(t).set_handshake_loss(1'000'001); }},
    {"routes[chat-eu].on_degraded: says neither handshake_loss nor slower_by nor "
     "response_slower_by",
     [](T& t) { degradable(t).clear_slower_by(); }},
    {"routes[chat-eu].evicted: there is no pool v9",
     [](T& t) { t.mutable_routes(0)->add_evicted("v9"); }},
    {"routes[chat-eu].evicted[v2]: is there twice",
     [](T& t) {
       t.mutable_routes(0)->add_evicted("v2");
       t.mutable_routes(0)->add_evicted("v2");
     }},
    {"steering[chat,eu].conditional_routes: there is no route talk",
     [](T& t) { t.mutable_steering(0)->add_conditional_routes("talk"); }},
    {"steering[chat,eu].conditional_routes: service chat, class eu, route chat-us reaches pool "
     "v2-us, which is not eligible",
     [](T& t) { t.mutable_steering(0)->add_conditional_routes("chat-us"); }},
    {"overrides[v1,].state: is 0; must be draining or recalled",
     [](T& t) { t.add_overrides()->set_pool("v1"); }},
};

TEST(BuildTable, RefusesEveryDefectByName) {
  for (const Defect& defect : kDefects) {
    v1::ForwardingTable message = small_table();
    defect.make(message);
    Registry registry;
    const auto built = build_table(message, nullptr, registry);

    EXPECT_EQ(built.status().code(), absl::StatusCode::kInvalidArgument) << defect.violation;
    EXPECT_NE(built.status().message().find(defect.violation), absl::string_view::npos)
        << defect.violation << "\nis not in\n"
        << built.status().message();
    EXPECT_EQ(registry.target_count(), 0u);
  }
}

// Each is a few megabytes on the wire, or less, and would be many gigabytes once built.
TEST(BuildTable, RefusesWhatNoNodeCanHold) {
  const Defect hogs[] = {
      {"pools: ask for 33",
       [](T& t) {
         for (int i = 0; i < 20; ++i) {
           *t.add_pools() = t.pools(0);
           t.mutable_pools()->rbegin()->set_table_slots(16'777'213);
         }
       }},
      {"services: ask for 40000",
       [](T& t) {
         v1::ServiceEntry& service = *t.add_services();
         for (uint32_t i = 0; i < 2000; ++i) {
           service.add_addresses("addr");
           service.add_ports()->set_port(i);
         }
       }},
      {"client_classes: ask for 10000",
       [](T& t) {
         for (int i = 0; i < 1'000'000; ++i)
           t.mutable_client_classes(0)->add_prefixes("");
       }},
      {"routes: ask for 2000",
       [](T& t) {
         for (int i = 0; i < 20'000; ++i)
           t.add_routes();
       }},
  };
  for (const Defect& hog : hogs) {
    v1::ForwardingTable message = small_table();
    hog.make(message);
    Registry registry;
    const auto built = build_table(message, nullptr, registry);

    EXPECT_EQ(built.status().code(), absl::StatusCode::kInvalidArgument) << hog.violation;
    EXPECT_NE(built.status().message().find(hog.violation), absl::string_view::npos)
        << hog.violation << "\nis not in\n"
        << built.status().message();
  }
}

TEST(BuildTable, StopsListingWhenThereIsNoEnd) {
  v1::ForwardingTable message = small_table();
  v1::RouteEntry& route = *message.mutable_routes(0);
  for (int i = 0; i < 3000; ++i) {
    *route.add_fallback() = "nowhere-" + std::to_string(i);
    *message.add_steering() = message.steering(0);
    message.mutable_steering()->rbegin()->clear_eligible_pools();
  }
  Registry registry;
  const absl::Status status = build_table(message, nullptr, registry).status();

  EXPECT_EQ(std::count(status.message().begin(), status.message().end(), '\n'), 1000);
  EXPECT_TRUE(absl::EndsWith(status.message(), "table: there is more that is wrong"));
}

TEST(BuildTable, ReportsAllViolationsAtOnce) {
  v1::ForwardingTable message = small_table();
  message.set_generation(0);
  message.mutable_pools(0)->set_table_slots(8);
  message.mutable_routes(1)->set_service("talk");
  Registry registry;
  const auto built = build_table(message, nullptr, registry);

  for (const char* part : {"generation:", "pools[v1].table_slots:", "routes[chat-us].service:"}) {
    EXPECT_NE(built.status().message().find(part), absl::string_view::npos) << part;
  }
}

// Another service on the address of the first, which no route serves.
void add_service(v1::ForwardingTable& table, const std::string& name, uint32_t port) {
  *table.add_services() = table.services(0);
  table.mutable_services()->rbegin()->set_name(name);
  table.mutable_services()->rbegin()->mutable_ports(0)->set_port(port);
  for (const v1::ClientClassEntry& entry : table.client_classes()) {
    v1::SteeringEntry& steering = *table.add_steering();
    steering.set_service(name);
    steering.set_client_class(entry.name());
  }
}

// Known flows are not asked which service they belong to while the epoch is theirs.
TEST(BuildTable, TheEpochOfFlowsChangesWithWhatTheyMayDependOn) {
  const Defect changes[] = {
      {"the controller's epoch", [](T& t) { t.set_eligibility_epoch(2); }},
      {"another term", [](T& t) { t.set_term(t.term() + 1); }},
      {"another key", [](T& t) { t.set_steering_key("fedcba9876543210"); }},
      {"a port that goes", [](T& t) { t.mutable_services(0)->mutable_ports(0)->set_port(81); }},
      {"a port of an any-port service that another takes",
       [](T& t) { add_service(t, "narrow", 443); }},
  };
  for (const Defect& change : changes) {
    Registry registry;
    v1::ForwardingTable message = small_table();
    const bool is_any_port =
        std::string_view(change.violation).find("any-port") != std::string_view::npos;
    if (is_any_port) message.mutable_services(0)->mutable_ports(0)->set_port(0);
    const BuiltTable base = build(message, nullptr, registry);
    EXPECT_EQ(build(message, base.table.get(), registry).table->epoch, base.table->epoch);
    change.make(message);
    EXPECT_EQ(build(message, base.table.get(), registry).table->epoch, base.table->epoch + 1)
        << change.violation;
  }
}

TEST(BuildTable, TheEpochOfFlowsStaysThroughWeightsAndNewServices) {
  Registry registry;
  v1::ForwardingTable message = small_table();
  const BuiltTable base = build(message, nullptr, registry);
  message.mutable_pools(0)->mutable_backends(0)->set_weight(7);
  add_service(message, "more", 8080);
  EXPECT_EQ(build(message, base.table.get(), registry).table->epoch, base.table->epoch);
}

TEST(BuildTable, AcceptsADrainOfAPoolThatIsGone) {
  v1::ForwardingTable message = small_table();
  message.add_overrides()->set_pool("gone");
  message.mutable_overrides(0)->set_state(v1::Override::STATE_DRAINING);
  Registry registry;
  EXPECT_TRUE(build_table(message, nullptr, registry).ok());
}

TEST(BuildTable, SurvivesMutatedMessages) {
  std::mt19937_64 random(8);
  const std::string valid = small_table().SerializeAsString();
  Registry registry;
  const BuiltTable base = build(small_table(), nullptr, registry);
  const google::protobuf::LogSilencer quiet;  // parsing complains of every bad string
  int parsed = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string bytes = valid;
    for (uint64_t flips = 1 + random() % 4; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    v1::ForwardingTable message;
    if (!message.ParseFromString(bytes)) continue;
    ++parsed;
    // Slots decide only how long this takes.
    for (v1::PoolEntry& pool : *message.mutable_pools()) {
      if (pool.table_slots() > 100'000) pool.set_table_slots(100'003);
    }
    const auto built = build_table(message, base.table.get(), registry);
    if (!built.ok()) {
      EXPECT_EQ(built.status().code(), absl::StatusCode::kInvalidArgument);
    }
  }
  EXPECT_GT(parsed, 200);
}

}  // namespace
}  // namespace sluice::dataplane

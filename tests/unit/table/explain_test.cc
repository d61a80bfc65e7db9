// SPDX-License-Identifier: Apache-2.0
//
// What people are told about a decision, and the rules of steering one by one.
#include "dataplane/table/explain.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "dataplane/table/from_proto.h"
#include "tests/support/model/model.h"
#include "tests/unit/table/small_table.h"

namespace sluice::dataplane {
namespace {

class ExplainTest : public testing::Test {
 protected:
  v1::ExplainRequest request(const std::string& client) {
    v1::ExplainRequest request;
    request.set_protocol(6);
    request.set_client_address(client);
    request.set_client_port(40001);
    request.set_service_address(client.find(':') == std::string::npos ? "203.0.113.10"
                                                                      : "2001:db8:f::10");
    request.set_service_port(80);
    return request;
  }

  v1::ExplainResponse told(const v1::ExplainRequest& request) {
    v1::ExplainResponse response;
    const absl::Status status = explain(*snapshot(), request, response);
    EXPECT_TRUE(status.ok()) << status;
    return response;
  }

  v1::ExplainResponse told(const std::string& client) { return told(request(client)); }

  std::unique_ptr<const Snapshot> snapshot() {
    auto built = build_table(table_, previous_.get(), registry_);
    EXPECT_TRUE(built.ok()) << built.status();
    previous_ = built->table;  // shares slots and buckets: most tests ask often
    std::vector<BackendCondition> conditions(built->table->backend_capacity);
    for (const Pool& pool : built->table->pools) {
      for (const PoolMember& member : pool.members) {
        conditions[member.id.index()].state =
            effective_state(table_, states_, pool.name, member.name);
        conditions[member.id.index()].next_hop.resolved = true;
      }
    }
    return make_snapshot(built->table, 5, conditions, 0, node_);
  }

  void set_pool(const std::string& pool, BackendState state) {
    for (const v1::PoolEntry& entry : table_.pools()) {
      if (entry.name() != pool) continue;
      for (const v1::BackendEntry& backend : entry.backends()) {
        states_[{pool, backend.name()}] = state;
      }
    }
  }

  static std::string eu_client(int number) { return "198.51.100." + std::to_string(number); }

  v1::ForwardingTable table_ = small_table();
  ProbedStates states_;
  NodeCondition node_;
  Registry registry_;
  std::shared_ptr<const Table> previous_;
};

TEST_F(ExplainTest, NamesEveryStepOfTheDecision) {
  const v1::ExplainResponse told_all = told("198.51.100.7");

  EXPECT_EQ(told_all.revision(), 2u);
  EXPECT_EQ(told_all.generation(), 3u);
  EXPECT_EQ(told_all.view(), 5u);
  EXPECT_EQ(told_all.verdict(), v1::STEER_VERDICT_FORWARD);
  EXPECT_EQ(told_all.service(), "chat");
  EXPECT_EQ(told_all.client_class(), "eu");
  EXPECT_EQ(told_all.client_labels().at("region"), "eu");
  EXPECT_EQ(told_all.matched_prefix(), "198.51.100.0/24");
  EXPECT_EQ(told_all.route(), "chat-eu");
  EXPECT_EQ(told_all.pool_cause(), v1::POOL_CAUSE_SPLIT);
  EXPECT_EQ(told_all.pool(), told_all.split_pool());
  EXPECT_EQ(told_all.pool_labels().at("version"), told_all.pool());
  EXPECT_EQ(told_all.backend(), told_all.slot_owner());
  EXPECT_EQ(told_all.eligible_pools_size(), 2);
  ASSERT_EQ(told_all.reasons_size(), 4);
  EXPECT_EQ(told_all.reasons(0), "client 198.51.100.7 is of class eu by 198.51.100.0/24");
  EXPECT_EQ(told_all.reasons(1), "route chat-eu of service chat holds for class eu");
  EXPECT_EQ(told_all.reasons(2), "bucket " + std::to_string(told_all.split_bucket()) +
                                     " of its split, by the client, belongs to pool " +
                                     told_all.pool());
  EXPECT_EQ(told_all.reasons(3), "slot " + std::to_string(told_all.slot()) + " of pool " +
                                     told_all.pool() + " belongs to backend " + told_all.backend());
}

TEST_F(ExplainTest, ClassifiesIpv6ClientsToo) {
  const v1::ExplainResponse response = told("2001:db8:e:1::7");
  EXPECT_EQ(response.client_class(), "eu");
  EXPECT_EQ(response.matched_prefix(), "2001:db8:e::/48");
  EXPECT_EQ(response.verdict(), v1::STEER_VERDICT_FORWARD);
}

TEST_F(ExplainTest, AClientOfNoClassWithoutRouteIsRejected) {
  const v1::ExplainResponse response = told("10.1.1.1");
  EXPECT_EQ(response.client_class(), "unknown");
  EXPECT_EQ(response.matched_prefix(), "");
  EXPECT_EQ(response.verdict(), v1::STEER_VERDICT_NO_ROUTE);
  EXPECT_EQ(response.reject(), v1::REJECT_RESET);
  EXPECT_EQ(response.reasons(1), "no route of service chat matches class unknown");
}

TEST_F(ExplainTest, WhatIsForNoServiceIsLeftToTheKernel) {
  v1::ExplainRequest other_port = request("198.51.100.7");
  other_port.set_service_port(81);
  v1::ExplainRequest other_address = request("198.51.100.7");
  other_address.set_service_address("203.0.113.11");

  EXPECT_EQ(told(other_port).verdict(), v1::STEER_VERDICT_NO_SERVICE);
  EXPECT_EQ(told(other_port).reasons(0),
            "the address belongs to a service, but not with this protocol and port: the packet is "
            "left to the kernel");
  EXPECT_EQ(told(other_address).reasons(0),
            "the address belongs to no service: the packet is left to the kernel");
}

TEST_F(ExplainTest, RefusesWhatIsNoPacketWithAllReasons) {
  v1::ExplainRequest request;
  request.set_protocol(1);
  request.set_client_address("10.0.0.1");
  request.set_service_address("::1");
  request.set_client_port(70000);
  request.set_service_port(70000);
  v1::ExplainResponse response;
  const absl::Status status = explain(*snapshot(), request, response);

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  for (const char* field : {"service_address:", "client_port:", "service_port:", "protocol:"}) {
    EXPECT_NE(status.message().find(field), absl::string_view::npos) << field;
  }
  request.set_client_address("nobody");
  EXPECT_NE(explain(*snapshot(), request, response).message().find("client_address:"),
            absl::string_view::npos);
}

TEST_F(ExplainTest, RefusesAClientThatNobodyCanBe) {
  v1::ExplainRequest request;
  request.set_protocol(6);
  request.set_service_address("203.0.113.10");
  request.set_client_port(40000);
  request.set_service_port(80);
  v1::ExplainResponse response;
  for (const char* const client : {"127.0.0.1", "0.1.2.3", "224.0.0.1", "203.0.113.10"}) {
    request.set_client_address(client);
    EXPECT_TRUE(absl::IsInvalidArgument(explain(*snapshot(), request, response))) << client;
  }
}

TEST_F(ExplainTest, ClientAffinityLooksAtTheAddressAlone) {
  std::set<std::string> backends;
  for (uint32_t port = 1; port < 200; ++port) {
    v1::ExplainRequest from_port = request("198.51.100.7");
    from_port.set_client_port(port);
    backends.insert(told(from_port).backend());
  }
  EXPECT_EQ(backends.size(), 1u);
  EXPECT_EQ(told("2001:db8:e:1::7").split_bucket(), told("2001:db8:e:1:ffff::8").split_bucket());
  EXPECT_NE(told("2001:db8:e:1::7").split_bucket(), told("2001:db8:e:2::7").split_bucket());
}

TEST_F(ExplainTest, FlowAffinityLooksAtTheWholeTuple) {
  table_.mutable_services(0)->set_affinity(v1::AFFINITY_FLOW);
  std::set<uint32_t> buckets;
  for (uint32_t port = 1; port < 100; ++port) {
    v1::ExplainRequest from_port = request("198.51.100.7");
    from_port.set_client_port(port);
    buckets.insert(told(from_port).split_bucket());
  }
  EXPECT_GT(buckets.size(), 95u);
}

TEST_F(ExplainTest, OnlyClientsOfAFailedPoolMoveAndTheyReturn) {
  std::map<int, std::string> before;
  for (int i = 0; i < 256; ++i)
    before[i] = told(eu_client(i)).backend();
  set_pool("v2", BackendState::kDown);

  int moved = 0;
  for (int i = 0; i < 256; ++i) {
    const v1::ExplainResponse now = told(eu_client(i));
    if (now.split_pool() == "v1") {
      EXPECT_EQ(now.backend(), before[i]);
      continue;
    }
    ++moved;
    EXPECT_EQ(now.pool(), "v1");
    EXPECT_EQ(now.pool_cause(), v1::POOL_CAUSE_FALLBACK);
  }
  EXPECT_GT(moved, 5);
  set_pool("v2", BackendState::kUp);
  for (int i = 0; i < 256; ++i)
    EXPECT_EQ(told(eu_client(i)).backend(), before[i]);
}

TEST_F(ExplainTest, WithoutFallbackTheSplitDecidesAmongWhatServes) {
  table_.mutable_routes(0)->clear_fallback();
  set_pool("v1", BackendState::kDown);
  for (int i = 0; i < 50; ++i) {
    const v1::ExplainResponse now = told(eu_client(i));
    EXPECT_EQ(now.pool(), "v2");
    EXPECT_EQ(now.pool_cause(),
              now.split_pool() == "v2" ? v1::POOL_CAUSE_SPLIT : v1::POOL_CAUSE_RESPLIT);
  }
}

TEST_F(ExplainTest, AWeightlessPoolIsAFallbackOnlyWhenNamedAsOne) {
  table_.mutable_routes(0)->mutable_split(1)->set_weight(0);
  set_pool("v1", BackendState::kDown);
  EXPECT_EQ(told("198.51.100.7").pool_cause(), v1::POOL_CAUSE_FALLBACK);

  table_.mutable_routes(0)->clear_fallback();
  EXPECT_EQ(told("198.51.100.7").verdict(), v1::STEER_VERDICT_NO_POOL);
}

TEST_F(ExplainTest, FailsClosedWhenNothingServes) {
  table_.mutable_services(0)->set_reject(v1::REJECT_PROHIBIT);
  set_pool("v1", BackendState::kDown);
  set_pool("v2", BackendState::kDown);
  const v1::ExplainResponse response = told("198.51.100.7");

  EXPECT_EQ(response.verdict(), v1::STEER_VERDICT_NO_POOL);
  EXPECT_EQ(response.reject(), v1::REJECT_PROHIBIT);
  EXPECT_EQ(response.backend(), "");
  EXPECT_EQ(response.reasons(response.reasons_size() - 1),
            "no fallback serves, and no other pool of the split with weight does");
}

TEST_F(ExplainTest, AConditionalRouteTakesTheFlowsThatMeetItsConditions) {
  v1::RouteEntry& urgent = *table_.add_routes();
  urgent = table_.routes(0);
  urgent.set_name("chat-urgent");
  urgent.mutable_split()->DeleteSubrange(0, 1);
  urgent.add_dscp(46);
  urgent.add_dscp(34);
  v1::RouteEntry& at_night = *table_.add_routes();
  at_night = urgent;
  at_night.set_name("chat-at-night");
  at_night.clear_dscp();
  at_night.add_times()->set_begin(0);
  at_night.mutable_times(0)->set_end(360);  // 1970 began on a Thursday
  table_.mutable_steering(0)->add_conditional_routes("chat-at-night");
  table_.mutable_steering(0)->add_conditional_routes("chat-urgent");
  v1::ExplainRequest marked = request("198.51.100.7");

  marked.set_dscp(34);
  EXPECT_EQ(told(marked).route(), "chat-urgent");
  EXPECT_EQ(told(marked).pool(), "v2");
  marked.set_dscp(8);
  const v1::ExplainResponse other = told(marked);
  EXPECT_EQ(other.route(), "chat-eu");
  EXPECT_EQ(other.reasons(1), "route chat-at-night is passed over: it is not its time");
  EXPECT_EQ(other.reasons(2), "route chat-urgent is passed over: it does not take DSCP 8");
  EXPECT_EQ(other.reasons(3), "route chat-eu of service chat holds for class eu");

  table_.mutable_steering(0)->clear_route();
  EXPECT_EQ(told(marked).verdict(), v1::STEER_VERDICT_NO_ROUTE);
  marked.set_dscp(64);
  v1::ExplainResponse response;
  EXPECT_EQ(explain(*snapshot(), marked, response).message(), "dscp: is above 63");
}

TEST_F(ExplainTest, SaysThatABackendIsPastItsTime) {
  v1::PoolEntry& v1_pool = *table_.mutable_pools(0);
  v1_pool.mutable_backends(0)->mutable_eligible_until();
  for (int i = 0; i < 100; ++i) {
    const v1::ExplainResponse response = told(eu_client(i));
    ASSERT_NE(response.backend(), "v1-a");
    if (response.slot_owner() != "v1-a") continue;
    EXPECT_EQ(response.reasons(response.reasons_size() - 1),
              "backend v1-a takes no such flow: it is past eligible_until; the next in the slot's "
              "order is v1-b");
  }
  v1_pool.set_min_up(2);
  for (int i = 0; i < 100; ++i) {
    const v1::ExplainResponse response = told(eu_client(i));
    if (response.split_pool() != "v1") continue;
    EXPECT_EQ(response.reasons(3),
              "pool v1 does not serve: 1 of 2 backends are up (past eligible_until: 1), min_up is "
              "2");
  }
}

TEST_F(ExplainTest, NewFlowsLeaveADegradedPoolForAFallbackThatServes) {
  v1::OnDegraded& bound = *table_.mutable_routes(0)->mutable_on_degraded();
  bound.set_action(v1::OnDegraded::ACTION_FALLBACK);
  bound.mutable_window()->set_seconds(30);
  bound.set_min_flows(50);
  bound.set_slower_by(100);
  ASSERT_EQ(told("198.51.100.7").pool(), "v1");
  node_.degraded = {{"chat-eu", "v1"}};

  const v1::ExplainResponse response = told("198.51.100.7");
  EXPECT_EQ(response.split_pool(), "v1");
  EXPECT_EQ(response.pool(), "v2");
  EXPECT_EQ(response.pool_cause(), v1::POOL_CAUSE_FALLBACK);
  EXPECT_EQ(response.reasons(3),
            "pool v1 serves, but worse than in its own recent past: new flows of route chat-eu "
            "leave it (on_degraded)");
  v1::ExplainRequest established = request("198.51.100.7");
  established.set_established(true);
  EXPECT_EQ(told(established).pool(), "v1") << "it began before";

  node_.degraded = {{"chat-eu", "v1"}, {"chat-eu", "v2"}};
  EXPECT_EQ(told("198.51.100.7").pool(), "v1") << "the fallback is no better";
  node_.degraded = {{"chat-eu", "v1"}};
  set_pool("v2", BackendState::kDown);
  EXPECT_EQ(told("198.51.100.7").pool(), "v1") << "no fallback serves";
  set_pool("v2", BackendState::kUp);
  table_.mutable_routes(0)->clear_fallback();
  EXPECT_EQ(told("198.51.100.7").pool(), "v1") << "there is no fallback";
  table_.mutable_routes(0)->add_fallback("v2");
  table_.mutable_routes(0)->clear_on_degraded();
  EXPECT_EQ(told("198.51.100.7").pool(), "v1") << "the route does not ask for it";
}

TEST_F(ExplainTest, AFlowThatMustBeRecordedAndCannotIsRefused) {
  for (v1::SteeringEntry& row : *table_.mutable_steering())
    row.set_audit_fail_closed(true);
  ASSERT_EQ(told("198.51.100.7").verdict(), v1::STEER_VERDICT_FORWARD);
  node_.can_record = false;

  const v1::ExplainResponse response = told("198.51.100.7");

  EXPECT_EQ(response.verdict(), v1::STEER_VERDICT_AUDIT_REFUSED);
  EXPECT_NE(response.reject(), v1::REJECT_UNSPECIFIED);
  EXPECT_EQ(response.pool(), "");
  EXPECT_EQ(response.reasons(response.reasons_size() - 1),
            "new flows of class " + response.client_class() +
                " at service chat must be recorded (audit: fail_closed), and the node cannot keep "
                "their records");
}

TEST_F(ExplainTest, ADrainingBackendGetsAdoptedFlowsButNoFreshOnes) {
  table_.add_overrides()->set_pool("v1");
  table_.mutable_overrides(0)->set_backend("v1-a");
  table_.mutable_overrides(0)->set_state(v1::Override::STATE_DRAINING);
  int owned = 0;
  for (int i = 0; i < 100; ++i) {
    const v1::ExplainResponse fresh = told(eu_client(i));
    v1::ExplainRequest established = request(eu_client(i));
    established.set_established(true);
    const v1::ExplainResponse adopted = told(established);
    EXPECT_NE(fresh.backend(), "v1-a");
    EXPECT_EQ(adopted.backend(), adopted.slot_owner());
    owned += fresh.slot_owner() == "v1-a" ? 1 : 0;
  }
  EXPECT_GT(owned, 10);
}

TEST_F(ExplainTest, TellsADrainedPoolFromOneThatIsDown) {
  set_pool("v1", BackendState::kDraining);
  set_pool("v2", BackendState::kDraining);
  const v1::ExplainResponse response = told("198.51.100.7");

  EXPECT_NE(response.reasons(3).find("backends are up (draining: "), std::string::npos)
      << response.reasons(3);
}

TEST_F(ExplainTest, SaysWhyASlotsOwnerIsPassedOver) {
  states_[{"v1", "v1-a"}] = BackendState::kDown;
  for (int i = 0; i < 100; ++i) {
    const v1::ExplainResponse response = told(eu_client(i));
    if (response.slot_owner() != "v1-a") continue;
    EXPECT_EQ(response.reasons(response.reasons_size() - 1),
              "backend v1-a takes no such flow: it is down; the next in the slot's order is v1-b");
    return;
  }
  FAIL() << "no client's slot belongs to v1-a";
}

}  // namespace
}  // namespace sluice::dataplane

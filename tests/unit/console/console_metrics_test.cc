// SPDX-License-Identifier: Apache-2.0
//
// What the controller's /metrics says of records, nodes, pools and rollouts.
#include <gtest/gtest.h>

#include <sstream>

#include "controlplane/console/controller_metrics.h"
#include "gmock/gmock.h"
#include "prometheus/text_serializer.h"

namespace sluice::controlplane {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kEu[] = "{service=\"chat\",client_class=\"eu\",route=\"chat-eu\",pool=\"v1\"";

v1::FlowRecord record(v1::EndReason reason) {
  v1::FlowRecord record;
  record.set_service("chat");
  record.set_client_class("eu");
  record.set_route("chat-eu");
  record.set_pool("v1");
  record.set_end_reason(reason);
  record.mutable_start_time()->set_seconds(100);
  record.mutable_last_time()->set_seconds(100);
  return record;
}

std::string text_of(const ControllerState& state, const FlowStatistics& flows) {
  return prometheus::TextSerializer().Serialize(controller_metrics(state, flows));
}

std::string flows_of(const FlowStatistics& flows) {
  return text_of({}, flows);
}

TEST(FlowStatistics, CountPartsByWhatSteeredThem) {
  FlowStatistics flows;
  v1::FlowRecord end = record(v1::END_REASON_RESET);
  end.set_packets(7);
  end.set_bytes(900);
  flows.add(std::vector<v1::FlowRecord>{record(v1::END_REASON_UNSPECIFIED),
                                        record(v1::END_REASON_UNSPECIFIED), end});

  const std::string text = flows_of(flows);

  EXPECT_THAT(text, HasSubstr(std::string("sluice_started_parts_total") + kEu + "} 2\n"));
  EXPECT_THAT(text,
              HasSubstr(std::string("sluice_ended_parts_total") + kEu + ",reason=\"reset\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(std::string("sluice_ended_parts_packets_total") + kEu + "} 7\n"));
  EXPECT_THAT(text, HasSubstr(std::string("sluice_ended_parts_bytes_total") + kEu + "} 900\n"));
}

TEST(FlowStatistics, TimesAreThoseOfEndedParts) {
  FlowStatistics flows;
  v1::FlowRecord end = record(v1::END_REASON_FIN);
  end.mutable_handshake_time()->set_nanos(2'000'000);
  end.mutable_last_time()->set_seconds(102);
  end.mutable_last_time()->set_nanos(500'000'000);
  flows.add(std::vector<v1::FlowRecord>{record(v1::END_REASON_UNSPECIFIED), end});

  const std::string text = flows_of(flows);

  EXPECT_THAT(
      text, HasSubstr(std::string("sluice_handshake_seconds_bucket") + kEu + ",le=\"0.001\"} 0\n"));
  EXPECT_THAT(
      text, HasSubstr(std::string("sluice_handshake_seconds_bucket") + kEu + ",le=\"0.003\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(std::string("sluice_part_duration_seconds_count") + kEu + "} 1\n"));
  EXPECT_THAT(text, HasSubstr(std::string("sluice_part_duration_seconds_sum") + kEu + "} 2.5\n"));
}

TEST(FlowStatistics, NamesWithoutEndBecomeOneSeries) {
  FlowStatistics flows;
  v1::FlowRecord start = record(v1::END_REASON_UNSPECIFIED);
  for (int i = 0; i < 10'002; ++i) {
    start.set_pool("p" + std::to_string(i));
    flows.add(std::span(&start, 1));
  }

  EXPECT_THAT(flows_of(flows),
              HasSubstr("sluice_started_parts_total"
                        "{service=\"\",client_class=\"\",route=\"\",pool=\"\"} 2\n"));
}

TEST(FlowStatistics, MissingRecordsAreCountedByNode) {
  FlowStatistics flows;
  flows.add_missing("edge-1", 0);
  flows.add_missing("edge-2", 3);
  flows.add_missing("edge-2", 4);

  EXPECT_THAT(flows_of(flows), HasSubstr("sluice_missing_records_total{node=\"edge-2\"} 7\n"));
}

TEST(ControllerMetrics, SayHowNodesPoolsAndRolloutsAre) {
  v1::NodeEntry node;
  node.set_name("edge-1");
  node.set_connected(true);
  node.mutable_status()->set_generation(9);
  for (const auto state : {v1::BACKEND_STATE_UP, v1::BACKEND_STATE_UP, v1::BACKEND_STATE_DOWN}) {
    v1::BackendStatus& backend = *node.mutable_status()->add_backends();
    backend.set_pool("v1");
    backend.set_state(state);
  }
  v1::Policy policy;
  policy.add_pools()->mutable_metadata()->set_name("v1");
  (*policy.mutable_pools(0)->mutable_metadata()->mutable_labels())["model"] = "chat";
  v1::RolloutStatus rollout;
  rollout.set_rollout("to-v2");
  rollout.set_phase(v1::ROLLOUT_PHASE_PAUSED);
  rollout.set_weight(250'000);
  v1::Override drain;
  drain.set_pool("v1");
  drain.set_state(v1::Override::STATE_DRAINING);

  const std::string text = text_of({.version = "1.2",
                                    .revision = 7,
                                    .generation = 9,
                                    .nodes = std::span(&node, 1),
                                    .policy = &policy,
                                    .rollouts = std::span(&rollout, 1),
                                    .overrides = std::span(&drain, 1)},
                                   FlowStatistics());

  for (const char* line :
       {"sluice_build_info{version=\"1.2\"} 1\n", "sluice_policy_revision 7\n",
        "sluice_table_generation 9\n", "sluice_node_connected{node=\"edge-1\"} 1\n",
        "sluice_node_generation{node=\"edge-1\"} 9\n",
        "sluice_pool_backends{node=\"edge-1\",pool=\"v1\",state=\"up\"} 2\n",
        "sluice_pool_backends{node=\"edge-1\",pool=\"v1\",state=\"down\"} 1\n",
        "sluice_pool_info{pool=\"v1\",model=\"chat\",version=\"\",jurisdiction=\"\"} 1\n",
        "sluice_override{pool=\"v1\",backend=\"\",state=\"draining\"} 1\n",
        "sluice_rollout_ratio{rollout=\"to-v2\"} 0.25\n",
        "sluice_rollout_phase{rollout=\"to-v2\",phase=\"paused\"} 1\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(ControllerMetrics, WithoutAPolicySayNothingOfPools) {
  EXPECT_THAT(text_of({}, FlowStatistics()), Not(HasSubstr("sluice_pool_info")));
}

}  // namespace
}  // namespace sluice::controlplane

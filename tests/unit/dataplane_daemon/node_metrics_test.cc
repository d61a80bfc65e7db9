// SPDX-License-Identifier: Apache-2.0
//
// What a node's /metrics says.
#include "dataplane/daemon/node_metrics.h"

#include <gtest/gtest.h>

#include "gmock/gmock.h"
#include "prometheus/text_serializer.h"

namespace sluice::dataplane {
namespace {

using ::testing::HasSubstr;

TEST(NodeMetrics, SayWhatBecameOfPacketsFlowsAndRecords) {
  v1::GetStatusResponse status;
  status.set_node("edge-1");
  status.set_version("1.2");
  status.set_generation(9);
  status.set_flow_capacity(2048);
  status.set_records_pending(5);
  v1::BackendStatus& backend = *status.add_backends();
  backend.set_pool("v1");
  backend.set_backend("a");
  backend.set_state(v1::BACKEND_STATE_DRAINING);
  v1::PortStatus& port = *status.add_ports();
  port.set_name("uplink");
  port.set_link_up(true);
  v1::GetCountersResponse counters;
  v1::LcoreCounters& lcore = *counters.add_lcores();
  lcore.set_lcore(1);
  lcore.set_rx(100);
  lcore.set_forwarded(97);
  (*lcore.mutable_dropped())["fragment"] = 3;
  lcore.set_flows(12);
  v1::TargetCounters& target = *counters.add_targets();
  target.set_service("chat");
  target.set_route("chat-eu");
  target.set_pool("v1");
  target.set_backend("a");
  target.set_packets(97);
  target.set_bytes(9700);
  target.set_flows_active(12);

  const std::string text = prometheus::TextSerializer().Serialize(node_metrics(status, counters));

  for (const char* line :
       {"sluice_build_info{node=\"edge-1\",version=\"1.2\"} 1\n", "sluice_table_generation 9\n",
        "sluice_received_packets_total{lcore=\"1\"} 100\n",
        "sluice_forwarded_packets_total{lcore=\"1\"} 97\n",
        "sluice_dropped_packets_total{lcore=\"1\",reason=\"fragment\"} 3\n",
        "sluice_flows{lcore=\"1\"} 12\n", "sluice_flow_capacity 2048\n",
        "sluice_backend_packets_total"
        "{service=\"chat\",route=\"chat-eu\",pool=\"v1\",backend=\"a\"} 97\n",
        "sluice_backend_bytes_total"
        "{service=\"chat\",route=\"chat-eu\",pool=\"v1\",backend=\"a\"} 9700\n",
        "sluice_backend_flows{service=\"chat\",route=\"chat-eu\",pool=\"v1\",backend=\"a\"} 12\n",
        "sluice_backend_up{pool=\"v1\",backend=\"a\"} 0\n", "sluice_port_up{port=\"uplink\"} 1\n",
        "sluice_pending_records 5\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

}  // namespace
}  // namespace sluice::dataplane

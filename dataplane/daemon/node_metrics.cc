// SPDX-License-Identifier: Apache-2.0
//
// A node's /metrics.
#include "dataplane/daemon/node_metrics.h"

#include <string>
#include <utility>

#include "dataplane/pipeline/drop_reason.h"

namespace sluice::dataplane {
namespace {

double as_number(uint64_t value) {
  return static_cast<double>(value);
}

// One counter of every lcore.
void add_per_lcore(MetricPage& page, const v1::GetCountersResponse& counters,
                   uint64_t (v1::LcoreCounters::*value)() const) {
  for (const v1::LcoreCounters& lcore : counters.lcores())
    page.add({{"lcore", std::to_string(lcore.lcore())}}, as_number((lcore.*value)()));
}

void add_packets(MetricPage& page, const v1::GetCountersResponse& counters) {
  page.counter("sluice_received_packets_total", "Packets taken from the ports.");
  add_per_lcore(page, counters, &v1::LcoreCounters::rx);
  page.counter("sluice_forwarded_packets_total", "Packets sent to a backend.");
  add_per_lcore(page, counters, &v1::LcoreCounters::forwarded);
  page.counter("sluice_punted_packets_total", "Packets given to the kernel.");
  add_per_lcore(page, counters, &v1::LcoreCounters::punted);
  page.counter("sluice_replied_packets_total", "Packets that the node answered itself.");
  add_per_lcore(page, counters, &v1::LcoreCounters::replied);
  page.counter("sluice_handed_in_packets_total", "Packets taken over from another lcore.");
  add_per_lcore(page, counters, &v1::LcoreCounters::handed_in);
  page.counter("sluice_handed_out_packets_total", "Packets given to another lcore.");
  add_per_lcore(page, counters, &v1::LcoreCounters::handed_out);
  page.counter("sluice_dropped_packets_total", "Packets dropped, by reason.");
  for (const v1::LcoreCounters& lcore : counters.lcores()) {
    // Every reason from the start: an increase from nothing is none.
    for (size_t i = 0; i < kDropReasonCount; ++i) {
      const std::string reason(drop_reason_name(static_cast<DropReason>(i)));
      const auto packets = lcore.dropped().find(reason);
      page.add({{"lcore", std::to_string(lcore.lcore())}, {"reason", reason}},
               packets == lcore.dropped().end() ? 0 : as_number(packets->second));
    }
  }
}

void add_flows(MetricPage& page, const v1::GetStatusResponse& status,
               const v1::GetCountersResponse& counters) {
  page.gauge("sluice_flows", "Flows in the flow tables.");
  add_per_lcore(page, counters, &v1::LcoreCounters::flows);
  page.gauge("sluice_flow_capacity", "Flows that the flow tables can hold.");
  page.add(as_number(status.flow_capacity()));
  page.counter("sluice_opened_flows_total", "Flows that entered a flow table.");
  add_per_lcore(page, counters, &v1::LcoreCounters::flows_opened);
  page.counter("sluice_ended_flows_total", "Flows that left a flow table.");
  add_per_lcore(page, counters, &v1::LcoreCounters::flows_ended);
}

using TargetValue = uint64_t (v1::TargetCounters::*)() const;

void add_per_target(MetricPage& page, const v1::GetCountersResponse& counters, TargetValue value) {
  for (const v1::TargetCounters& target : counters.targets()) {
    page.add({{"service", target.service()},
              {"route", target.route()},
              {"pool", target.pool()},
              {"backend", target.backend()}},
             as_number((target.*value)()));
  }
}

void add_targets(MetricPage& page, const v1::GetCountersResponse& counters) {
  page.counter("sluice_backend_packets_total", "Packets forwarded from clients to a backend.");
  add_per_target(page, counters, &v1::TargetCounters::packets);
  page.counter("sluice_backend_bytes_total",
               "Bytes of IP packets forwarded to a backend, before encapsulation.");
  add_per_target(page, counters, &v1::TargetCounters::bytes);
  page.counter("sluice_backend_opened_flows_total", "Flows that began at a backend.");
  add_per_target(page, counters, &v1::TargetCounters::flows_opened);
  page.gauge("sluice_backend_flows", "Flows that a backend has.");
  add_per_target(page, counters, &v1::TargetCounters::flows_active);
  page.counter("sluice_backend_unrecorded_packets_total",
               "Packets forwarded without a flow entry; part of sluice_backend_packets_total.");
  add_per_target(page, counters, &v1::TargetCounters::unrecorded_packets);
}

void add_health(MetricPage& page, const v1::GetStatusResponse& status) {
  page.gauge("sluice_backend_up", "1: the backend gets new flows.");
  for (const v1::BackendStatus& backend : status.backends()) {
    page.add({{"pool", backend.pool()}, {"backend", backend.backend()}},
             backend.state() == v1::BACKEND_STATE_UP ? 1 : 0);
  }
  page.gauge("sluice_port_up", "1: the port's link is up.");
  for (const v1::PortStatus& port : status.ports())
    page.add({{"port", port.name()}}, port.link_up() ? 1 : 0);
}

void add_audit(MetricPage& page, const v1::GetStatusResponse& status) {
  page.gauge("sluice_pending_records", "Flow records that no controller has acknowledged.");
  page.add(as_number(status.records_pending()));
  page.counter("sluice_lost_records_total", "Flow records that were lost; numbered all the same.");
  page.add(as_number(status.records_lost()));
  page.counter("sluice_audit_refused_packets_total",
               "Packets of new flows refused because their records would have been lost.");
  page.add(as_number(status.audit_refused()));
}

}  // namespace

MetricFamilies node_metrics(const v1::GetStatusResponse& status,
                            const v1::GetCountersResponse& counters) {
  MetricPage page;
  page.gauge("sluice_build_info", "1, with the version of the program.");
  page.add({{"node", status.node()}, {"version", status.version()}}, 1);
  page.gauge("sluice_start_time_seconds", "When the program started, in Unix time.");
  page.add(static_cast<double>(status.start_time().seconds()));
  page.gauge("sluice_table_generation", "Generation of the running forwarding table; 0: none.");
  page.add(as_number(status.generation()));
  page.gauge("sluice_policy_revision", "Revision of the policy of the running table; 0: none.");
  page.add(as_number(status.revision()));
  page.gauge("sluice_view", "Number of the node's view of health, drains and recalls.");
  page.add(as_number(status.view()));
  add_packets(page, counters);
  add_flows(page, status, counters);
  add_targets(page, counters);
  add_health(page, status);
  add_audit(page, status);
  return std::move(page).finish();
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// The methods that tell how the node is.
#include <chrono>
#include <map>
#include <string>

#include "dataplane/daemon/dataplane_service.h"
#include "dataplane/pipeline/drop_reason.h"

namespace sluice::dataplane {
namespace {

google::protobuf::Timestamp timestamp(std::chrono::system_clock::time_point time) {
  const auto since = time.time_since_epoch();
  const auto seconds = std::chrono::floor<std::chrono::seconds>(since);
  google::protobuf::Timestamp result;
  result.set_seconds(seconds.count());
  result.set_nanos(static_cast<int32_t>(std::chrono::nanoseconds(since - seconds).count()));
  return result;
}

void fill(const PortState& port, v1::PortStatus& status) {
  status.set_name(port.name);
  status.set_id(port.id);
  status.set_driver(port.driver);
  status.set_link_up(port.link_up);
  status.set_mtu(port.mtu);
  status.set_queues(port.queues);
}

void fill(const LcoreCounterValues& values, v1::LcoreCounters& counters) {
  counters.set_lcore(values.lcore);
  counters.set_rx(values.rx);
  counters.set_handed_in(values.handed_in);
  counters.set_forwarded(values.forwarded);
  counters.set_punted(values.punted);
  counters.set_replied(values.replied);
  counters.set_handed_out(values.handed_out);
  counters.set_held(values.held);
  for (size_t i = 0; i < kDropReasonCount; ++i) {
    if (values.dropped[i] == 0) continue;
    const auto name = drop_reason_name(static_cast<DropReason>(i));
    (*counters.mutable_dropped())[std::string(name)] = values.dropped[i];
  }
  counters.set_flows(values.flows);
  counters.set_flows_opened(values.flows_opened);
  counters.set_flows_ended(values.flows_ended);
  counters.set_records_lost(values.records_lost);
  counters.set_audit_refused(values.audit_refused);
}

void fill(const TargetNames& names, const TargetCounterValues& values,
          v1::TargetCounters& counters) {
  counters.set_service(names.service);
  counters.set_route(names.route);
  counters.set_pool(names.backend.pool);
  counters.set_backend(names.backend.name);
  counters.set_packets(values.packets);
  counters.set_bytes(values.bytes);
  counters.set_flows_opened(values.flows_opened);
  counters.set_flows_active(values.flows_opened - values.flows_ended);
  counters.set_unrecorded_packets(values.unrecorded_packets);
  counters.set_unrecorded_bytes(values.unrecorded_bytes);
  counters.set_unrecorded_syns(values.unrecorded_syns);
}

}  // namespace

grpc::Status DataplaneService::GetStatus(grpc::ServerContext*, const v1::GetStatusRequest* request,
                                         v1::GetStatusResponse* response) {
  const std::shared_ptr<const RunningState> state = parts_.forwarding.state();
  response->set_node(parts_.identity.node);
  response->set_incarnation(parts_.identity.incarnation);
  response->set_version(SLUICE_VERSION);
  *response->mutable_start_time() = timestamp(parts_.start_time);
  if (state->pushed != nullptr) {
    response->set_generation(state->pushed->generation());
    response->set_revision(state->pushed->message().revision());
    response->set_term(state->pushed->message().term());
    response->set_digest(state->pushed->digest());
  }
  response->set_staged_generation(parts_.stager.staged_generation());
  response->set_view(state->view);
  if (!request->brief()) {
    response->mutable_backends()->Assign(state->backends.begin(), state->backends.end());
    for (const PortState& port : state->ports)
      fill(port, *response->add_ports());
  }
  for (v1::RecallStatus& recall :
       recall_status(state->recalls, state->backends, parts_.cores, parts_.registry))
    *response->add_recalls() = std::move(recall);
  uint64_t flows = 0;
  uint64_t lost = parts_.spool.lost();
  for (const LcoreCounterValues& values : parts_.cores.counters()) {
    flows += values.flows;
    lost += values.records_lost;
    response->set_audit_refused(response->audit_refused() + values.audit_refused);
  }
  response->set_flows(flows);
  response->set_flow_capacity(parts_.flow_capacity);
  response->set_records_pending(parts_.spool.pending());
  response->set_records_lost(lost);
  return grpc::Status::OK;
}

grpc::Status DataplaneService::ListViews(grpc::ServerContext*, const v1::ListViewsRequest* request,
                                         v1::ListViewsResponse* response) {
  const bool goes_on = request->incarnation() == parts_.identity.incarnation;
  for (v1::ViewRecord& view : parts_.forwarding.views().list(goes_on ? request->after() : 0)) {
    view.set_node(parts_.identity.node);
    view.set_incarnation(parts_.identity.incarnation);
    *response->add_views() = std::move(view);
  }
  return grpc::Status::OK;
}

grpc::Status DataplaneService::GetCounters(grpc::ServerContext*, const v1::GetCountersRequest*,
                                           v1::GetCountersResponse* response) {
  response->set_node(parts_.identity.node);
  response->set_incarnation(parts_.identity.incarnation);
  *response->mutable_time() = timestamp(std::chrono::system_clock::now());
  for (const LcoreCounterValues& values : parts_.cores.counters())
    fill(values, *response->add_lcores());
  const std::vector<TargetCounterValues> targets =
      parts_.cores.target_counters(parts_.registry.target_count());
  // Labels that changed, addresses and rollouts make targets of their own; here they are one.
  std::map<TargetNames, TargetCounterValues> sums;
  for (uint32_t id = 1; id < targets.size(); ++id) {
    auto names = parts_.registry.names(TargetId{id});
    if (!names) continue;
    names->rollout.clear();
    names->backend.address = {};
    names->pool_labels.clear();
    sums[*std::move(names)] += targets[id];
  }
  for (const auto& [names, values] : sums)
    fill(names, values, *response->add_targets());
  return grpc::Status::OK;
}

}  // namespace sluice::dataplane

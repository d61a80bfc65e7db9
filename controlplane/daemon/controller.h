// SPDX-License-Identifier: Apache-2.0
//
// Wires the parts of the controller together.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "controlplane/audit/notary.h"
#include "controlplane/audit/record_store.h"
#include "controlplane/audit/retention.h"
#include "controlplane/audit/table_archive.h"
#include "controlplane/console/flow_statistics.h"
#include "controlplane/daemon/local_listener.h"
#include "controlplane/daemon/settings.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/service/archivist.h"
#include "controlplane/service/caller.h"
#include "controlplane/service/change_service.h"
#include "controlplane/service/control_service.h"
#include "controlplane/service/guardrail_monitor.h"
#include "controlplane/service/housekeeper.h"
#include "controlplane/service/pattern_watch.h"
#include "controlplane/service/recalls.h"
#include "controlplane/service/rollout_engine.h"
#include "controlplane/store/event_log.h"
#include "controlplane/store/revision_store.h"
#include "dataplane/metrics/metrics_server.h"
#include "grpcpp/server.h"

namespace sluice::controlplane {

// Members are in the order of start; the end goes the other way round: no calls are accepted, then
// nodes are left, then the stores close.
class Controller {
 public:
  // Everything that can fail does so before the first node is asked.
  // Errors: of the stores and of the endpoint, one line each.
  static absl::StatusOr<std::unique_ptr<Controller>> start(const ControllerSettings& settings);
  ~Controller();

 private:
  Controller() = default;
  absl::Status open(const ControllerSettings& settings);
  absl::Status open_log(const ControllerSettings& settings);
  absl::Status serve(const ControllerSettings& settings);
  absl::Status serve_metrics(const ControllerSettings& settings);
  ControlService::Parts parts(CallerOf caller);
  LocalCallers local_callers();
  void write_down(const v1::Event& event);
  MetricFamilies metrics() const;
  PatternSources pattern_sources();

  RoleBook roles_;
  std::unique_ptr<RevisionStore> store_;
  std::unique_ptr<EventLog> events_;
  std::unique_ptr<GuardrailMonitor> monitor_;
  std::unique_ptr<RecordStore> records_;
  FlowStatistics flows_;
  PatternWatch patterns_{pattern_sources()};
  std::unique_ptr<TableArchive> archive_;
  std::unique_ptr<Retention> retention_;
  std::unique_ptr<Fleet> fleet_;
  std::unique_ptr<Archivist> archivist_;
  std::unique_ptr<ChangeService> changes_;
  std::unique_ptr<Notary> notary_;
  std::unique_ptr<Recalls> recalls_;
  std::unique_ptr<RolloutEngine> rollouts_;
  CallMeter strangers_;                      // of all servers
  std::unique_ptr<ControlService> service_;  // of `server_`
  std::unique_ptr<grpc::Server> server_;     // either this, or the local listener
  std::unique_ptr<LocalListener> local_;
  std::unique_ptr<MetricsServer> metrics_;
  std::unique_ptr<Housekeeper> housekeeper_;
};

}  // namespace sluice::controlplane

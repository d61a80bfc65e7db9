// SPDX-License-Identifier: Apache-2.0
//
// The Control service: authorise, translate, call, translate back.
#pragma once

#include <string>
#include <string_view>

#include "controlplane/audit/record_store.h"
#include "controlplane/audit/table_archive.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/rollout/runner.h"
#include "controlplane/service/call_meter.h"
#include "controlplane/service/caller.h"
#include "controlplane/service/change_service.h"
#include "controlplane/service/recalls.h"
#include "controlplane/store/event_log.h"
#include "controlplane/store/revision_store.h"
#include "sluice/v1/control.grpc.pb.h"

namespace sluice::controlplane {

class ControlService final : public v1::Control::Service {
 public:
  struct Parts {
    ChangeService& changes;
    RevisionStore& store;
    Fleet& fleet;
    RecordStore& records;
    EventLog& events;
    Recalls& recalls;
    TableArchive& archive;
    RolloutRunner& rollouts;
    std::string version;
    CallerOf caller;  // whom the calls of this server come from
    CallMeter& strangers;
  };
  explicit ControlService(Parts parts) : parts_(std::move(parts)) {}

  grpc::Status Plan(grpc::ServerContext* context, const v1::PlanRequest* request,
                    v1::PlanResponse* response) override;
  grpc::Status Apply(grpc::ServerContext* context, const v1::ApplyRequest* request,
                     v1::ApplyResponse* response) override;
  grpc::Status Rollback(grpc::ServerContext* context, const v1::RollbackRequest* request,
                        v1::ApplyResponse* response) override;
  grpc::Status Confirm(grpc::ServerContext* context, const v1::ConfirmRequest* request,
                       v1::ConfirmResponse* response) override;
  grpc::Status ListChanges(grpc::ServerContext* context, const v1::ListChangesRequest* request,
                           v1::ListChangesResponse* response) override;
  grpc::Status DecideChange(grpc::ServerContext* context, const v1::DecideChangeRequest* request,
                            v1::DecideChangeResponse* response) override;
  grpc::Status GetPolicy(grpc::ServerContext* context, const v1::GetPolicyRequest* request,
                         v1::GetPolicyResponse* response) override;
  grpc::Status ListRevisions(grpc::ServerContext* context, const v1::ListRevisionsRequest* request,
                             v1::ListRevisionsResponse* response) override;
  grpc::Status SetOverride(grpc::ServerContext* context, const v1::SetOverrideRequest* request,
                           v1::SetOverrideResponse* response) override;
  grpc::Status ListRecalls(grpc::ServerContext* context, const v1::ListRecallsRequest* request,
                           v1::ListRecallsResponse* response) override;
  grpc::Status ListEvents(grpc::ServerContext* context, const v1::ListEventsRequest* request,
                          v1::ListEventsResponse* response) override;
  grpc::Status Backup(grpc::ServerContext* context, const v1::BackupRequest* request,
                      grpc::ServerWriter<v1::BackupResponse>* writer) override;
  grpc::Status ListNodes(grpc::ServerContext* context, const v1::ListNodesRequest* request,
                         v1::ListNodesResponse* response) override;
  grpc::Status Explain(grpc::ServerContext* context, const v1::ExplainRequest* request,
                       v1::ExplainResponse* response) override;
  grpc::Status ListFlows(grpc::ServerContext* context, const v1::ListFlowsRequest* request,
                         v1::ListFlowsResponse* response) override;
  grpc::Status ListCounters(grpc::ServerContext* context, const v1::ListCountersRequest* request,
                            v1::ListCountersResponse* response) override;
  grpc::Status QueryRecords(grpc::ServerContext* context, const v1::QueryRecordsRequest* request,
                            v1::QueryRecordsResponse* response) override;
  grpc::Status ListRollouts(grpc::ServerContext* context, const v1::ListRolloutsRequest* request,
                            v1::ListRolloutsResponse* response) override;
  grpc::Status SteerRollout(grpc::ServerContext* context, const v1::SteerRolloutRequest* request,
                            v1::SteerRolloutResponse* response) override;
  grpc::Status PushMetric(grpc::ServerContext* context, const v1::PushMetricRequest* request,
                          v1::PushMetricResponse* response) override;
  grpc::Status ListShares(grpc::ServerContext* context, const v1::ListSharesRequest* request,
                          v1::ListSharesResponse* response) override;
  grpc::Status GetVersion(grpc::ServerContext* context, const v1::GetVersionRequest* request,
                          v1::GetVersionResponse* response) override;

 private:
  // A deed that somebody asked for, as the log and the events tell it.
  struct Deed {
    std::string kind;
    std::string target;
    std::string author;  // as the request says
    std::string reason;
  };

  // Who calls, when it may do this; and tells it what everybody should know at present.
  // Errors: PERMISSION_DENIED.
  absl::StatusOr<Caller> admit(grpc::ServerContext* context, v1::Role needed,
                               std::string_view deed) const;
  // Asks of `admit`, for a deed; a refusal is written down.
  absl::StatusOr<Caller> admit(grpc::ServerContext* context, v1::Role needed,
                               const Deed& deed) const;
  // Writes down what was refused.
  void note_refusal(const Deed& deed, const Caller& caller, const absl::Status& status) const;
  // Who may do nothing fills no event log either: such calls are logged, at a bounded rate.
  void note_stranger(const Deed& deed, const Caller& caller) const;
  // Writes down what was done and left everything as it was: other deeds write it themselves.
  void note_unchanged(const Deed& deed, const Caller& caller) const;
  // What its monitoring guardrails would have refused.
  absl::Status add_would_refuse(v1::GetPolicyResponse& response) const;
  template <typename Response>
  grpc::Status finish(const Deed& deed, const Caller& caller, absl::StatusOr<Response> result,
                      Response* response) const;

  Parts parts_;
};

}  // namespace sluice::controlplane

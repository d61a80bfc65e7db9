// SPDX-License-Identifier: Apache-2.0
//
// The Control service: translate, call, translate back.
#pragma once

#include <string>

#include "controlplane/audit/record_store.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/rollout/runner.h"
#include "controlplane/service/change_service.h"
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
    RolloutRunner& rollouts;
    std::string version;
  };
  explicit ControlService(Parts parts) : parts_(std::move(parts)) {}

  grpc::Status Plan(grpc::ServerContext* context, const v1::PlanRequest* request,
                    v1::PlanResponse* response) override;
  grpc::Status Apply(grpc::ServerContext* context, const v1::ApplyRequest* request,
                     v1::ApplyResponse* response) override;
  grpc::Status Rollback(grpc::ServerContext* context, const v1::RollbackRequest* request,
                        v1::ApplyResponse* response) override;
  grpc::Status GetPolicy(grpc::ServerContext* context, const v1::GetPolicyRequest* request,
                         v1::GetPolicyResponse* response) override;
  grpc::Status ListRevisions(grpc::ServerContext* context, const v1::ListRevisionsRequest* request,
                             v1::ListRevisionsResponse* response) override;
  grpc::Status SetOverride(grpc::ServerContext* context, const v1::SetOverrideRequest* request,
                           v1::SetOverrideResponse* response) override;
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
  Parts parts_;
};

}  // namespace sluice::controlplane

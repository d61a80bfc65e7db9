// SPDX-License-Identifier: Apache-2.0
//
// The gRPC service of a node: each method translates, calls, translates back.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "dataplane/daemon/fabric.h"
#include "dataplane/daemon/flow_record.h"
#include "dataplane/daemon/forwarding.h"
#include "dataplane/daemon/observation_log.h"
#include "dataplane/daemon/record_spool.h"
#include "dataplane/daemon/stager.h"
#include "dataplane/table/registry.h"
#include "sluice/v1/dataplane.grpc.pb.h"

namespace sluice::dataplane {

// What the methods work on.
struct NodeParts {
  RecordOrigin identity;
  std::chrono::system_clock::time_point start_time;
  uint64_t flow_capacity = 0;
  Cores& cores;
  const Forwarding& forwarding;
  const Registry& registry;
  RecordSpool& spool;
  const ObservationLog& observations;
  Stager& stager;
  // `Forwarding::foresee`, on the thread that it belongs to.
  std::function<absl::StatusOr<std::unique_ptr<const Snapshot>>(const ReadyTable&)> foresee;
};

// Thread: any.
class DataplaneService final : public v1::Dataplane::Service {
 public:
  explicit DataplaneService(const NodeParts& parts) : parts_(parts) {}

  // table_handlers.cc
  grpc::Status Stage(grpc::ServerContext* context, grpc::ServerReader<v1::StageRequest>* reader,
                     v1::StageResponse* response) override;
  grpc::Status Commit(grpc::ServerContext* context, const v1::CommitRequest* request,
                      v1::CommitResponse* response) override;
  grpc::Status Abort(grpc::ServerContext* context, const v1::AbortRequest* request,
                     v1::AbortResponse* response) override;
  // status_handlers.cc
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;
  grpc::Status GetCounters(grpc::ServerContext* context, const v1::GetCountersRequest* request,
                           v1::GetCountersResponse* response) override;
  grpc::Status ListViews(grpc::ServerContext* context, const v1::ListViewsRequest* request,
                         v1::ListViewsResponse* response) override;
  // flow_handlers.cc
  grpc::Status ListFlows(grpc::ServerContext* context, const v1::ListFlowsRequest* request,
                         v1::ListFlowsResponse* response) override;
  grpc::Status Explain(grpc::ServerContext* context, const v1::ExplainRequest* request,
                       v1::ExplainResponse* response) override;
  // record_handlers.cc
  using RecordStream = grpc::ServerReaderWriter<v1::PullRecordsResponse, v1::PullRecordsRequest>;
  grpc::Status PullRecords(grpc::ServerContext* context, RecordStream* stream) override;
  // observation_handlers.cc
  grpc::Status ListObservations(grpc::ServerContext* context,
                                const v1::ListObservationsRequest* request,
                                v1::ListObservationsResponse* response) override;

 private:
  absl::StatusOr<v1::StageResponse> preview(const v1::TableDelta& delta);
  absl::Status list_flows(const v1::ListFlowsRequest& request, v1::ListFlowsResponse& response);
  absl::Status explain_flow(const v1::ExplainRequest& request, v1::ExplainResponse& response);
  absl::Status list_observations(const v1::ListObservationsRequest& request,
                                 v1::ListObservationsResponse& response);
  void find_live_flow(const v1::ExplainRequest& request, v1::ExplainResponse& response);

  const NodeParts parts_;
};

// The status as gRPC sends it; lines of the form "path: what is wrong" become violations in the
// detail.
grpc::Status to_reply(const absl::Status& status);

}  // namespace sluice::dataplane

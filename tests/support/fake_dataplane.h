// SPDX-License-Identifier: Apache-2.0
//
// A node for tests of the control plane: takes tables and hands out records, forwards nothing.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "grpcpp/server.h"
#include "sluice/v1/dataplane.grpc.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::testing {

// Serves from construction. `leave` and `come_back` keep what it runs, as a real node's disk does.
class FakeDataplane final : public v1::Dataplane::Service {
 public:
  FakeDataplane(std::string node, std::string socket_path);
  ~FakeDataplane() override;

  void leave();
  void come_back();
  std::string address() const { return "unix:" + socket_path_; }

  // Every Stage is refused with this reason; empty: none is.
  void refuse_stages(std::string reason);
  // The next Stage, also of a preview, waits here until `release_stages`.
  void hold_stages();
  void release_stages();

  // Every GetStatus waits until `release_statuses`: the node hangs. Returns once one waits, so that
  // no look of before goes on unnoticed: somebody must be asking.
  void hold_statuses();
  void release_statuses();

  // What a preview of any table answers.
  void set_effects(v1::FlowEffects effects);
  // Recalls of the running table have this many flows left, and as many were cut before; until it
  // is called for the first time none was looked at.
  void sweep_recalls(uint64_t residual, uint64_t cut);
  // What `ListViews` gives, all of it each time.
  void set_views(std::vector<v1::ViewRecord> views);

  v1::ForwardingTable running() const;
  uint64_t staged_generation() const;
  // "stage 3 delta", "stage 3 full", "commit 3", "abort", in the order of arrival.
  std::vector<std::string> calls() const;

  // Puts records into the spool.
  void add_records(std::vector<v1::FlowRecord> records);
  // Kept for `ListObservations`, numbered from 1.
  void add_observations(std::vector<v1::FlowObservation> observations);
  // A new incarnation that observed nothing.
  void forget_observations(const std::string& incarnation);

  // The newest acknowledged sequence.
  uint64_t acknowledged() const;
  // From now on records are sent again though they were acknowledged.
  void forget_acknowledgements();

  grpc::Status Stage(grpc::ServerContext* context, grpc::ServerReader<v1::StageRequest>* reader,
                     v1::StageResponse* response) override;
  grpc::Status Commit(grpc::ServerContext* context, const v1::CommitRequest* request,
                      v1::CommitResponse* response) override;
  grpc::Status Abort(grpc::ServerContext* context, const v1::AbortRequest* request,
                     v1::AbortResponse* response) override;
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::GetStatusResponse* response) override;
  grpc::Status GetCounters(grpc::ServerContext* context, const v1::GetCountersRequest* request,
                           v1::GetCountersResponse* response) override;
  grpc::Status ListFlows(grpc::ServerContext* context, const v1::ListFlowsRequest* request,
                         v1::ListFlowsResponse* response) override;
  grpc::Status Explain(grpc::ServerContext* context, const v1::ExplainRequest* request,
                       v1::ExplainResponse* response) override;
  grpc::Status ListViews(grpc::ServerContext* context, const v1::ListViewsRequest* request,
                         v1::ListViewsResponse* response) override;
  grpc::Status ListObservations(grpc::ServerContext* context,
                                const v1::ListObservationsRequest* request,
                                v1::ListObservationsResponse* response) override;
  grpc::Status PullRecords(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<v1::PullRecordsResponse, v1::PullRecordsRequest>* stream) override;

 private:
  const std::string node_;
  const std::string socket_path_;
  std::unique_ptr<grpc::Server> server_;

  mutable absl::Mutex mutex_;
  bool leaving_ ABSL_GUARDED_BY(mutex_) = false;
  bool holding_stages_ ABSL_GUARDED_BY(mutex_) = false;
  bool holding_statuses_ ABSL_GUARDED_BY(mutex_) = false;
  int held_statuses_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string refusal_ ABSL_GUARDED_BY(mutex_);
  v1::ForwardingTable running_ ABSL_GUARDED_BY(mutex_);
  v1::ForwardingTable staged_ ABSL_GUARDED_BY(mutex_);
  v1::FlowEffects effects_ ABSL_GUARDED_BY(mutex_);
  absl::Time recalled_since_ ABSL_GUARDED_BY(mutex_);
  std::optional<v1::RecallStatus> sweep_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::ViewRecord> views_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> calls_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::FlowRecord> records_ ABSL_GUARDED_BY(mutex_);
  std::string observer_ ABSL_GUARDED_BY(mutex_) = "1";
  std::vector<v1::FlowObservation> observations_ ABSL_GUARDED_BY(mutex_);
  uint64_t acknowledged_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t sent_ ABSL_GUARDED_BY(mutex_) = 0;  // records of the present stream
};

}  // namespace sluice::testing

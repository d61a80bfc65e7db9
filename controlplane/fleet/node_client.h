// SPDX-License-Identifier: Apache-2.0
//
// The calls that the controller makes to one node, each with a deadline.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/fleet/right_of_way.h"
#include "grpcpp/channel.h"
#include "sluice/v1/dataplane.grpc.pb.h"

namespace sluice::controlplane {

struct CallTimeouts {
  absl::Duration status = absl::Seconds(2);  // the node answers from memory
  absl::Duration push = absl::Seconds(30);   // builds Maglev tables; waits for every lcore
  absl::Duration query = absl::Seconds(10);  // walks flow tables
};

enum class StatusDetail { kBrief, kFull };

// Errors: those of the node; UNAVAILABLE and DEADLINE_EXCEEDED when it does not answer.  Thread:
// any.
class NodeClient {
 public:
  NodeClient(std::shared_ptr<grpc::Channel> channel, CallTimeouts timeouts)
      : stub_(v1::Dataplane::NewStub(channel)), timeouts_(timeouts) {}

  // Whoever gives a passage gives way: CANCELLED when it is over.
  absl::StatusOr<v1::GetStatusResponse> status(StatusDetail detail,
                                               RightOfWay::Passage* passage = nullptr) const;
  // Sends a serialized `TableDelta` in chunks.
  absl::StatusOr<v1::StageResponse> stage(const std::string& delta,
                                          RightOfWay::Passage* passage = nullptr) const;
  // What that table would do to the flows of now; nothing is staged.
  absl::StatusOr<v1::StageResponse> preview(const std::string& delta) const;
  absl::StatusOr<v1::CommitResponse> commit(uint64_t generation,
                                            RightOfWay::Passage* passage = nullptr) const;
  absl::Status abort(RightOfWay::Passage* passage = nullptr) const;
  absl::StatusOr<v1::GetCountersResponse> counters() const;
  absl::StatusOr<v1::ListFlowsResponse> flows(const v1::ListFlowsRequest& request) const;
  absl::StatusOr<v1::ExplainResponse> explain(const v1::ExplainRequest& request) const;

  // Errors: UNIMPLEMENTED (a node of an older version).
  absl::StatusOr<v1::ListViewsResponse> views(const v1::ListViewsRequest& request) const;
  absl::StatusOr<v1::ListObservationsResponse> observations(
      const v1::ListObservationsRequest& request) const;

  v1::Dataplane::Stub& stub() const { return *stub_; }

 private:
  enum class Purpose { kStage, kPreview };
  absl::StatusOr<v1::StageResponse> send(const std::string& delta, Purpose purpose,
                                         RightOfWay::Passage* passage) const;

  std::unique_ptr<v1::Dataplane::Stub> stub_;
  CallTimeouts timeouts_;
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// A controller for tests of its clients: answers what it was told, remembers what it was asked.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "grpcpp/server.h"
#include "sluice/v1/control.grpc.pb.h"

namespace sluice::testing {

// What the fake answers and what it was asked last. Written by the test between calls, by the
// server during one.
struct ControlScript {
  grpc::Status status;  // of every call; responses are used when it is OK

  v1::PlanResponse plan;
  v1::ApplyResponse apply;  // of Rollback too
  v1::GetPolicyResponse policy;
  v1::ListRevisionsResponse revisions;
  v1::SetOverrideResponse override_response;
  v1::ListNodesResponse nodes;
  v1::ExplainResponse explain;
  std::vector<v1::ListFlowsResponse> flow_pages;       // page i has the token "i"
  std::vector<v1::ListCountersResponse> counters;      // one per call, the last one again and again
  std::vector<v1::QueryRecordsResponse> record_pages;  // page i has the token "i"
  v1::GetVersionResponse version;
  v1::ListChangesResponse changes;
  v1::DecideChangeResponse decision;
  v1::ListRecallsResponse recalls;
  std::vector<v1::ListEventsResponse> events;  // one per call, then empty ones
  std::vector<std::string> backup;             // chunks
  std::string notice;                          // in the trailing metadata of Plan
  v1::ListRolloutsResponse rollouts;
  v1::SteerRolloutResponse steered;
  v1::ListSharesResponse shares;

  v1::PlanRequest plan_request;
  v1::ConfirmRequest confirm_request;
  v1::DecideChangeRequest decide_request;
  std::vector<v1::ListEventsRequest> event_requests;
  v1::ApplyRequest apply_request;
  v1::RollbackRequest rollback_request;
  v1::GetPolicyRequest policy_request;
  std::vector<v1::SetOverrideRequest> override_requests;
  v1::ExplainRequest explain_request;
  std::vector<v1::ListFlowsRequest> flow_requests;
  std::vector<v1::QueryRecordsRequest> record_requests;
  v1::ListRolloutsRequest rollouts_request;
  v1::SteerRolloutRequest steer_request;
  v1::PushMetricRequest metric_request;
  v1::ListSharesRequest shares_request;
};

// Serves `script` on a local socket until it is destroyed.
class FakeControl {
 public:
  explicit FakeControl(const std::string& socket_path);
  ~FakeControl();

  const std::string& address() const { return address_; }
  ControlScript& script() { return script_; }

 private:
  ControlScript script_;
  std::string address_;
  std::unique_ptr<v1::Control::Service> service_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::testing

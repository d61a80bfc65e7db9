// SPDX-License-Identifier: Apache-2.0
//
// Serves a script as the Control service.
#include "tests/support/fake_control.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace sluice::testing {
namespace {

using grpc::ServerContext;
using grpc::Status;

template <class Response>
const Response& page_of(const std::vector<Response>& pages, const std::string& token) {
  static const Response kEmpty;
  size_t index = 0;
  if (!token.empty() && !absl::SimpleAtoi(token, &index)) return kEmpty;
  return index < pages.size() ? pages[index] : kEmpty;
}

class ScriptedControl final : public v1::Control::Service {
 public:
  explicit ScriptedControl(ControlScript& script) : script_(script) {}

  Status Plan(ServerContext* context, const v1::PlanRequest* request,
              v1::PlanResponse* response) override {
    if (!script_.notice.empty()) context->AddTrailingMetadata("sluice-notice", script_.notice);
    script_.plan_request = *request;
    return answer(script_.plan, response);
  }
  Status Apply(ServerContext*, const v1::ApplyRequest* request,
               v1::ApplyResponse* response) override {
    script_.apply_request = *request;
    return answer(script_.apply, response);
  }
  Status Rollback(ServerContext*, const v1::RollbackRequest* request,
                  v1::ApplyResponse* response) override {
    script_.rollback_request = *request;
    return answer(script_.apply, response);
  }
  Status Confirm(ServerContext*, const v1::ConfirmRequest* request,
                 v1::ConfirmResponse* response) override {
    script_.confirm_request = *request;
    response->set_revision(8);
    return script_.status;
  }
  Status ListChanges(ServerContext*, const v1::ListChangesRequest*,
                     v1::ListChangesResponse* response) override {
    *response = script_.changes;
    return Status::OK;
  }
  Status DecideChange(ServerContext*, const v1::DecideChangeRequest* request,
                      v1::DecideChangeResponse* response) override {
    script_.decide_request = *request;
    return answer(script_.decision, response);
  }
  Status ListRecalls(ServerContext*, const v1::ListRecallsRequest*,
                     v1::ListRecallsResponse* response) override {
    return answer(script_.recalls, response);
  }
  Status ListEvents(ServerContext*, const v1::ListEventsRequest* request,
                    v1::ListEventsResponse* response) override {
    script_.event_requests.push_back(*request);
    if (script_.event_requests.size() > script_.events.size()) return script_.status;
    return answer(script_.events[script_.event_requests.size() - 1], response);
  }
  Status Backup(ServerContext*, const v1::BackupRequest*,
                grpc::ServerWriter<v1::BackupResponse>* writer) override {
    for (const std::string& chunk : script_.backup) {
      v1::BackupResponse piece;
      piece.set_chunk(chunk);
      writer->Write(piece);
    }
    return script_.status;
  }
  Status GetPolicy(ServerContext*, const v1::GetPolicyRequest* request,
                   v1::GetPolicyResponse* response) override {
    script_.policy_request = *request;
    return answer(script_.policy, response);
  }
  Status ListRevisions(ServerContext*, const v1::ListRevisionsRequest*,
                       v1::ListRevisionsResponse* response) override {
    return answer(script_.revisions, response);
  }
  Status SetOverride(ServerContext*, const v1::SetOverrideRequest* request,
                     v1::SetOverrideResponse* response) override {
    script_.override_requests.push_back(*request);
    return answer(script_.override_response, response);
  }
  Status ListNodes(ServerContext*, const v1::ListNodesRequest*,
                   v1::ListNodesResponse* response) override {
    return answer(script_.nodes, response);
  }
  Status Explain(ServerContext*, const v1::ExplainRequest* request,
                 v1::ExplainResponse* response) override {
    script_.explain_request = *request;
    return answer(script_.explain, response);
  }
  Status ListFlows(ServerContext*, const v1::ListFlowsRequest* request,
                   v1::ListFlowsResponse* response) override {
    script_.flow_requests.push_back(*request);
    return answer(page_of(script_.flow_pages, request->page_token()), response);
  }
  Status ListCounters(ServerContext*, const v1::ListCountersRequest*,
                      v1::ListCountersResponse* response) override {
    if (script_.counters.empty()) return script_.status;
    const size_t sample = std::min(samples_++, script_.counters.size() - 1);
    return answer(script_.counters[sample], response);
  }
  Status QueryRecords(ServerContext*, const v1::QueryRecordsRequest* request,
                      v1::QueryRecordsResponse* response) override {
    script_.record_requests.push_back(*request);
    return answer(page_of(script_.record_pages, request->page_token()), response);
  }
  Status ListRollouts(ServerContext*, const v1::ListRolloutsRequest* request,
                      v1::ListRolloutsResponse* response) override {
    script_.rollouts_request = *request;
    return answer(script_.rollouts, response);
  }
  Status SteerRollout(ServerContext*, const v1::SteerRolloutRequest* request,
                      v1::SteerRolloutResponse* response) override {
    script_.steer_request = *request;
    return answer(script_.steered, response);
  }
  Status PushMetric(ServerContext*, const v1::PushMetricRequest* request,
                    v1::PushMetricResponse*) override {
    script_.metric_request = *request;
    return script_.status;
  }
  Status ListShares(ServerContext*, const v1::ListSharesRequest* request,
                    v1::ListSharesResponse* response) override {
    script_.shares_request = *request;
    return answer(script_.shares, response);
  }
  Status GetVersion(ServerContext*, const v1::GetVersionRequest*,
                    v1::GetVersionResponse* response) override {
    return answer(script_.version, response);
  }

 private:
  template <class Response>
  Status answer(const Response& scripted, Response* response) {
    if (script_.status.ok()) *response = scripted;
    return script_.status;
  }

  ControlScript& script_;
  size_t samples_ = 0;
};

}  // namespace

FakeControl::FakeControl(const std::string& socket_path)
    : address_("unix:" + socket_path), service_(std::make_unique<ScriptedControl>(script_)) {
  grpc::ServerBuilder builder;
  builder.AddListeningPort(address_, grpc::experimental::LocalServerCredentials(UDS));
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
}

FakeControl::~FakeControl() {
  if (server_) server_->Shutdown();
}

}  // namespace sluice::testing

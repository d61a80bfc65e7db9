// SPDX-License-Identifier: Apache-2.0
//
// What a verb works with: the streams, and the controller behind one call.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controlplane/cli/exit_code.h"
#include "controlplane/cli/invocation.h"
#include "controlplane/cli/render/table.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane::cli {

struct ServerOptions {
  std::string server;                          // empty: not given
  std::string context;                         // empty: not given
  absl::Duration timeout = absl::Seconds(30);  // of one call
};

class Session {
 public:
  Session(Invocation& invocation, ServerOptions options);
  ~Session();

  std::istream& in() { return invocation_.in; }
  std::ostream& out() { return invocation_.out; }
  std::ostream& err() { return invocation_.err; }
  Invocation& invocation() { return invocation_; }
  Palette palette() const;  // of `out`

  // Says what is wrong on `err` and returns `code`.
  ExitCode fail(ExitCode code, const std::string& message);
  ExitCode fail(ExitCode code, const absl::Status& status);

  // One call of the controller each. A failure is said on `err`, with its violations.
  ExitCode call(const v1::PlanRequest& request, v1::PlanResponse& response);
  ExitCode call(const v1::ApplyRequest& request, v1::ApplyResponse& response);
  ExitCode call(const v1::ConfirmRequest& request, v1::ConfirmResponse& response);
  ExitCode call(const v1::ListChangesRequest& request, v1::ListChangesResponse& response);
  ExitCode call(const v1::DecideChangeRequest& request, v1::DecideChangeResponse& response);
  ExitCode call(const v1::RollbackRequest& request, v1::ApplyResponse& response);
  ExitCode call(const v1::GetPolicyRequest& request, v1::GetPolicyResponse& response);
  ExitCode call(const v1::ListRevisionsRequest& request, v1::ListRevisionsResponse& response);
  ExitCode call(const v1::SetOverrideRequest& request, v1::SetOverrideResponse& response);
  ExitCode call(const v1::ListRecallsRequest& request, v1::ListRecallsResponse& response);
  ExitCode call(const v1::ListRolloutsRequest& request, v1::ListRolloutsResponse& response);
  ExitCode call(const v1::SteerRolloutRequest& request, v1::SteerRolloutResponse& response);
  ExitCode call(const v1::PushMetricRequest& request, v1::PushMetricResponse& response);
  ExitCode call(const v1::ListSharesRequest& request, v1::ListSharesResponse& response);
  ExitCode call(const v1::ListEventsRequest& request, v1::ListEventsResponse& response);
  ExitCode call(const v1::ListNodesRequest& request, v1::ListNodesResponse& response);
  ExitCode call(const v1::ExplainRequest& request, v1::ExplainResponse& response);
  ExitCode call(const v1::ListFlowsRequest& request, v1::ListFlowsResponse& response);
  ExitCode call(const v1::ListCountersRequest& request, v1::ListCountersResponse& response);
  ExitCode call(const v1::QueryRecordsRequest& request, v1::QueryRecordsResponse& response);
  ExitCode call(const v1::GetVersionRequest& request, v1::GetVersionResponse& response);
  // Answered in pieces, without a deadline: it goes on as long as they come. `take` may end it with
  // another code than OK.
  ExitCode call(const v1::BackupRequest& request,
                const std::function<ExitCode(const v1::BackupResponse&)>& take);

 private:
  struct Connection;

  ExitCode connect();
  template <class Method, class Request, class Response>
  ExitCode call(Method method, const Request& request, Response& response);

  Invocation& invocation_;
  ServerOptions options_;
  std::unique_ptr<Connection> connection_;  // keeps gRPC's headers out of every verb
};

}  // namespace sluice::controlplane::cli

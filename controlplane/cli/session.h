// SPDX-License-Identifier: Apache-2.0
//
// What a verb works with: the streams, and the controller behind one call.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "controlplane/cli/exit_code.h"
#include "controlplane/cli/invocation.h"
#include "controlplane/cli/render/table.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "sluice/v1/control.grpc.pb.h"

namespace sluice::controlplane::cli {

struct ServerOptions {
  std::string server;                          // empty: not given
  std::string context;                         // empty: not given
  absl::Duration timeout = absl::Seconds(30);  // of one call
};

class Session {
 public:
  Session(Invocation& invocation, ServerOptions options)
      : invocation_(invocation), options_(std::move(options)) {}

  std::istream& in() { return invocation_.in; }
  std::ostream& out() { return invocation_.out; }
  std::ostream& err() { return invocation_.err; }
  Invocation& invocation() { return invocation_; }
  Palette palette() const;     // of `out`
  std::string author() const;  // the default of --author

  // Says what is wrong on `err` and returns `code`.
  ExitCode fail(ExitCode code, const std::string& message);
  ExitCode fail(ExitCode code, const absl::Status& status);

  template <class Request, class Response>
  using Method = grpc::Status (v1::Control::Stub::*)(grpc::ClientContext*, const Request&,
                                                     Response*);
  // One call. A failure is said on `err`, with its violations.
  template <class Request, class Response>
  ExitCode call(Method<Request, Response> method, const Request& request, Response& response) {
    if (const ExitCode code = connect(); code != ExitCode::kOk) return code;
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + options_.timeout));
    return report((stub_.get()->*method)(&context, request, &response));
  }

 private:
  ExitCode connect();
  ExitCode report(const grpc::Status& status);
  ExitCode report_unreachable(const grpc::Status& status);

  Invocation& invocation_;
  ServerOptions options_;
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Control::Stub> stub_;
};

}  // namespace sluice::controlplane::cli

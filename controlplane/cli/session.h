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
#include "grpcpp/support/sync_stream.h"
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
  Palette palette() const;  // of `out`

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
    return report((stub_.get()->*method)(&context, request, &response), context);
  }

  template <class Request, class Response>
  using StreamMethod = std::unique_ptr<grpc::ClientReader<Response>> (v1::Control::Stub::*)(
      grpc::ClientContext*, const Request&);
  // One call that is answered in pieces, without a deadline: it goes on as long as they come.
  // `take` may end it with another code than OK.
  template <class Request, class Response, class Take>
  ExitCode read(StreamMethod<Request, Response> method, const Request& request, const Take& take) {
    if (const ExitCode code = connect(); code != ExitCode::kOk) return code;
    grpc::ClientContext context;
    const auto reader = (stub_.get()->*method)(&context, request);
    ExitCode taken = ExitCode::kOk;
    for (Response piece; taken == ExitCode::kOk && reader->Read(&piece);)
      taken = take(piece);
    if (taken == ExitCode::kOk) return report(reader->Finish(), context);
    context.TryCancel();
    static_cast<void>(reader->Finish());
    return taken;
  }

 private:
  ExitCode connect();
  ExitCode report(const grpc::Status& status, const grpc::ClientContext& context);
  ExitCode report_unreachable(const grpc::Status& status);

  Invocation& invocation_;
  ServerOptions options_;
  std::string address_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Control::Stub> stub_;
};

}  // namespace sluice::controlplane::cli

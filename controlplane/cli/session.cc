// SPDX-License-Identifier: Apache-2.0
//
// Connects to the controller and says what went wrong with it.
#include "controlplane/cli/session.h"

#include "controlplane/cli/render/text.h"
#include "controlplane/cli/settings.h"
#include "dataplane/rpc/endpoint.h"
#include "dataplane/rpc/status.h"
#include "fmt/format.h"
#include "fmt/ostream.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/support/channel_arguments.h"
#include "sluice/v1/control.grpc.pb.h"

namespace sluice::controlplane::cli {
namespace {

// A whole policy and its plan fit; the server sets the real limits.
constexpr int kMessageBytesMax = 256 << 20;
constexpr char kNotice[] = "sluice-notice";
constexpr char kNoPermission[] = "Permission denied";

std::string violation_text(const v1::Violation& violation) {
  std::string text;
  if (!violation.file().empty()) text += violation.file() + ":";
  if (violation.line() != 0) text += fmt::format("{}:", violation.line());
  if (!text.empty()) text += " ";
  if (!violation.path().empty()) text += violation.path() + ": ";
  return text + violation.message();
}

}  // namespace

struct Session::Connection {
  std::string address;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Control::Stub> stub;

  // How a call ended, said on the session's `err`.
  ExitCode report(Session& session, const grpc::Status& status,
                  const grpc::ClientContext& context) const;
  ExitCode report_unreachable(Session& session, const grpc::Status& status) const;
};

Session::Session(Invocation& invocation, ServerOptions options)
    : invocation_(invocation), options_(std::move(options)) {}
Session::~Session() = default;

Palette Session::palette() const {
  const bool is_coloured = invocation_.output_to == OutputTo::kTerminal &&
                           invocation_.variable("NO_COLOR").empty() &&
                           invocation_.variable("TERM") != "dumb";
  return Palette(is_coloured ? Palette::Mode::kColoured : Palette::Mode::kPlain);
}

ExitCode Session::fail(ExitCode code, const std::string& message) {
  fmt::print(err(), "error: {}\n", message);
  return code;
}

ExitCode Session::fail(ExitCode code, const absl::Status& status) {
  return fail(code, std::string(status.message()));
}

ExitCode Session::connect() {
  if (connection_ != nullptr) return ExitCode::kOk;
  const auto settings = find_server(invocation_, options_.server, options_.context);
  if (!settings.ok()) {
    const bool is_unknown = absl::IsNotFound(settings.status());
    return fail(is_unknown ? ExitCode::kNotFound : ExitCode::kUsage, settings.status());
  }
  const auto credentials = channel_credentials(settings->address, settings->tls);
  if (!credentials.ok()) return fail(ExitCode::kUsage, credentials.status());

  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  // Violations come in the trailing metadata, of which gRPC takes 8 KiB unless told otherwise.
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMessageBytesMax);
  connection_ = std::make_unique<Connection>();
  connection_->address = settings->address;
  connection_->channel = grpc::CreateCustomChannel(settings->address, *credentials, arguments);
  connection_->stub = v1::Control::NewStub(connection_->channel);
  return ExitCode::kOk;
}

template <class Method, class Request, class Response>
ExitCode Session::call(Method method, const Request& request, Response& response) {
  if (const ExitCode code = connect(); code != ExitCode::kOk) return code;
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + options_.timeout));
  const grpc::Status status = (connection_->stub.get()->*method)(&context, request, &response);
  return connection_->report(*this, status, context);
}

ExitCode Session::call(const v1::PlanRequest& request, v1::PlanResponse& response) {
  return call(&v1::Control::Stub::Plan, request, response);
}
ExitCode Session::call(const v1::ApplyRequest& request, v1::ApplyResponse& response) {
  return call(&v1::Control::Stub::Apply, request, response);
}
ExitCode Session::call(const v1::ConfirmRequest& request, v1::ConfirmResponse& response) {
  return call(&v1::Control::Stub::Confirm, request, response);
}
ExitCode Session::call(const v1::ListChangesRequest& request, v1::ListChangesResponse& response) {
  return call(&v1::Control::Stub::ListChanges, request, response);
}
ExitCode Session::call(const v1::DecideChangeRequest& request, v1::DecideChangeResponse& response) {
  return call(&v1::Control::Stub::DecideChange, request, response);
}
ExitCode Session::call(const v1::RollbackRequest& request, v1::ApplyResponse& response) {
  return call(&v1::Control::Stub::Rollback, request, response);
}
ExitCode Session::call(const v1::GetPolicyRequest& request, v1::GetPolicyResponse& response) {
  return call(&v1::Control::Stub::GetPolicy, request, response);
}
ExitCode Session::call(const v1::ListRevisionsRequest& request,
                       v1::ListRevisionsResponse& response) {
  return call(&v1::Control::Stub::ListRevisions, request, response);
}
ExitCode Session::call(const v1::SetOverrideRequest& request, v1::SetOverrideResponse& response) {
  return call(&v1::Control::Stub::SetOverride, request, response);
}
ExitCode Session::call(const v1::ListRecallsRequest& request, v1::ListRecallsResponse& response) {
  return call(&v1::Control::Stub::ListRecalls, request, response);
}
ExitCode Session::call(const v1::ListRolloutsRequest& request, v1::ListRolloutsResponse& response) {
  return call(&v1::Control::Stub::ListRollouts, request, response);
}
ExitCode Session::call(const v1::SteerRolloutRequest& request, v1::SteerRolloutResponse& response) {
  return call(&v1::Control::Stub::SteerRollout, request, response);
}
ExitCode Session::call(const v1::PushMetricRequest& request, v1::PushMetricResponse& response) {
  return call(&v1::Control::Stub::PushMetric, request, response);
}
ExitCode Session::call(const v1::ListSharesRequest& request, v1::ListSharesResponse& response) {
  return call(&v1::Control::Stub::ListShares, request, response);
}
ExitCode Session::call(const v1::ListEventsRequest& request, v1::ListEventsResponse& response) {
  return call(&v1::Control::Stub::ListEvents, request, response);
}
ExitCode Session::call(const v1::ListNodesRequest& request, v1::ListNodesResponse& response) {
  return call(&v1::Control::Stub::ListNodes, request, response);
}
ExitCode Session::call(const v1::ExplainRequest& request, v1::ExplainResponse& response) {
  return call(&v1::Control::Stub::Explain, request, response);
}
ExitCode Session::call(const v1::ListFlowsRequest& request, v1::ListFlowsResponse& response) {
  return call(&v1::Control::Stub::ListFlows, request, response);
}
ExitCode Session::call(const v1::ListCountersRequest& request, v1::ListCountersResponse& response) {
  return call(&v1::Control::Stub::ListCounters, request, response);
}
ExitCode Session::call(const v1::QueryRecordsRequest& request, v1::QueryRecordsResponse& response) {
  return call(&v1::Control::Stub::QueryRecords, request, response);
}
ExitCode Session::call(const v1::GetVersionRequest& request, v1::GetVersionResponse& response) {
  return call(&v1::Control::Stub::GetVersion, request, response);
}
ExitCode Session::call(const v1::BackupRequest& request,
                       const std::function<ExitCode(const v1::BackupResponse&)>& take) {
  if (const ExitCode code = connect(); code != ExitCode::kOk) return code;
  grpc::ClientContext context;
  const auto reader = connection_->stub->Backup(&context, request);
  ExitCode taken = ExitCode::kOk;
  for (v1::BackupResponse piece; taken == ExitCode::kOk && reader->Read(&piece);)
    taken = take(piece);
  if (taken == ExitCode::kOk) return connection_->report(*this, reader->Finish(), context);
  context.TryCancel();
  static_cast<void>(reader->Finish());
  return taken;
}

ExitCode Session::Connection::report(Session& session, const grpc::Status& status,
                                     const grpc::ClientContext& context) const {
  // What everybody should know at present: glass is broken, a revision waits.
  for (const auto& [key, value] : context.GetServerTrailingMetadata()) {
    if (key == kNotice) {
      fmt::print(session.err(), "notice: {}\n",
                 printable(std::string_view(value.data(), value.size())));
    }
  }
  if (status.ok()) return ExitCode::kOk;
  const bool is_connected = channel->GetState(false) == GRPC_CHANNEL_READY;
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && !is_connected)
    return report_unreachable(session, status);

  const v1::ErrorDetail detail = detail_of(status);
  for (const v1::Violation& violation : detail.violations()) {
    fmt::print(session.err(), "{}\n", violation_text(violation));
  }
  const ExitCode code = exit_code_of(status.error_code());
  if (code == ExitCode::kTimeout) {
    return session.fail(
        code, fmt::format("no answer from {} within {}; give it longer with --timeout", address,
                          absl::FormatDuration(session.options_.timeout)));
  }
  return session.fail(code, status.error_message());
}

ExitCode Session::Connection::report_unreachable(Session& session,
                                                 const grpc::Status& status) const {
  // Of a Unix socket: the file's permissions say who may connect.
  if (status.error_message().find(kNoPermission) != std::string::npos) {
    return session.fail(
        ExitCode::kNotPermitted,
        fmt::format("not permitted to use {}: run as root, or as the user or the group "
                    "that owns it",
                    address));
  }
  return session.fail(
      ExitCode::kUnreachable,
      fmt::format("cannot reach the controller at {} ({}); is sluice-controller running "
                  "there? --server, --context or SLUICE_SERVER name another",
                  address, status.error_message()));
}

}  // namespace sluice::controlplane::cli

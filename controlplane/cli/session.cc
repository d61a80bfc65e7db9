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
  if (stub_) return ExitCode::kOk;
  const auto settings = find_server(invocation_, options_.server, options_.context);
  if (!settings.ok()) {
    const bool is_unknown = absl::IsNotFound(settings.status());
    return fail(is_unknown ? ExitCode::kNotFound : ExitCode::kUsage, settings.status());
  }
  address_ = settings->address;
  const auto credentials = channel_credentials(address_, settings->tls);
  if (!credentials.ok()) return fail(ExitCode::kUsage, credentials.status());

  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  // Violations come in the trailing metadata, of which gRPC takes 8 KiB unless told otherwise.
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMessageBytesMax);
  channel_ = grpc::CreateCustomChannel(address_, *credentials, arguments);
  stub_ = v1::Control::NewStub(channel_);
  return ExitCode::kOk;
}

ExitCode Session::report(const grpc::Status& status, const grpc::ClientContext& context) {
  // What everybody should know at present: glass is broken, a revision waits.
  for (const auto& [key, value] : context.GetServerTrailingMetadata()) {
    if (key == kNotice) {
      fmt::print(err(), "notice: {}\n", printable(std::string_view(value.data(), value.size())));
    }
  }
  if (status.ok()) return ExitCode::kOk;
  const bool is_connected = channel_->GetState(false) == GRPC_CHANNEL_READY;
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && !is_connected)
    return report_unreachable(status);

  const v1::ErrorDetail detail = detail_of(status);
  for (const v1::Violation& violation : detail.violations()) {
    fmt::print(err(), "{}\n", violation_text(violation));
  }
  const ExitCode code = exit_code_of(status.error_code());
  if (code == ExitCode::kTimeout) {
    return fail(code, fmt::format("no answer from {} within {}; give it longer with --timeout",
                                  address_, absl::FormatDuration(options_.timeout)));
  }
  return fail(code, status.error_message());
}

ExitCode Session::report_unreachable(const grpc::Status& status) {
  // Of a Unix socket: the file's permissions say who may connect.
  if (status.error_message().find(kNoPermission) != std::string::npos) {
    return fail(ExitCode::kNotPermitted,
                fmt::format("not permitted to use {}: run as root, or as the user or the group "
                            "that owns it",
                            address_));
  }
  return fail(ExitCode::kUnreachable,
              fmt::format("cannot reach the controller at {} ({}); is sluice-controller running "
                          "there? --server, --context or SLUICE_SERVER name another",
                          address_, status.error_message()));
}

}  // namespace sluice::controlplane::cli

// SPDX-License-Identifier: Apache-2.0
//
// Which controller to talk to: options, environment and the configuration file, in this order.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "controlplane/cli/invocation.h"
#include "dataplane/rpc/endpoint.h"

namespace sluice::controlplane::cli {

inline constexpr char kDefaultServer[] = "unix:/run/sluice/controller.sock";

struct ServerSettings {
  std::string address;
  TlsFiles tls;
};

// `server` and `context` are the options, empty when not given. The address is --server, else
// that of --context, else $SLUICE_SERVER, else that of `current_context`, else the default. The TLS
// files are those of the context, whatever gave the address. Errors: INVALID_ARGUMENT for an
// unreadable or wrong configuration file, NOT_FOUND for an unknown context.
absl::StatusOr<ServerSettings> find_server(const Invocation& invocation, const std::string& server,
                                           const std::string& context);

}  // namespace sluice::controlplane::cli

// SPDX-License-Identifier: Apache-2.0
//
// Where a gRPC server listens and how its peers are proved: the same for both daemons and the CLI.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "grpcpp/channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/security/server_credentials.h"

namespace sluice {

struct TlsFiles {
  std::string certificate;  // PEM; all three, or none for a local socket
  std::string key;
  std::string peer_ca;  // `client_ca` of a server, the server's CA for a client
};

// Checks "unix:/path" or "host:port". TLS files must be given for host:port unless the host is a
// loopback address, and must be readable.  Errors: INVALID_ARGUMENT, one line that names the field
// and the remedy.
absl::Status check_endpoint(const std::string& address, const TlsFiles& tls);

// Credentials for `address`: local for unix sockets and loopback without files, else mutual TLS,
// both sides verified.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> server_credentials(
    const std::string& address, const TlsFiles& tls);
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> channel_credentials(
    const std::string& address, const TlsFiles& tls);

}  // namespace sluice

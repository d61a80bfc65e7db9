// SPDX-License-Identifier: Apache-2.0
//
// The gRPC server of the controller on its endpoint.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/rpc/endpoint.h"
#include "grpcpp/impl/codegen/service_type.h"
#include "grpcpp/server.h"

namespace sluice::controlplane {

// A policy with 500,000 prefixes has about 20 MiB.
inline constexpr int kReceiveBytesMax = 256 << 20;

// Makes the directory of a local socket, removes a socket that nobody serves any more.
// Errors: FAILED_PRECONDITION (a live server has it; it is no socket), UNAVAILABLE (the directory
// cannot be made).
absl::Status prepare_socket(const std::string& address);

// Serves at once.  Errors: as `prepare_socket`, UNAVAILABLE (the address is taken),
// INVALID_ARGUMENT (TLS files).
absl::StatusOr<std::unique_ptr<grpc::Server>> listen(const std::string& address,
                                                     const TlsFiles& tls, grpc::Service& service);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The one table from gRPC codes to exit codes.
#include "controlplane/cli/exit_code.h"

namespace sluice::controlplane::cli {

ExitCode exit_code_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK:
      return ExitCode::kOk;
    case grpc::StatusCode::NOT_FOUND:
      return ExitCode::kNotFound;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED:
      return ExitCode::kNotPermitted;
    case grpc::StatusCode::ABORTED:
    case grpc::StatusCode::ALREADY_EXISTS:
      return ExitCode::kConflict;
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return ExitCode::kTimeout;
    case grpc::StatusCode::UNAVAILABLE:
      return ExitCode::kUnreachable;
    case grpc::StatusCode::DATA_LOSS:
      return ExitCode::kVerificationFailed;
    default:  // INVALID_ARGUMENT with its violations, FAILED_PRECONDITION with its refusals, server
              // errors
      return ExitCode::kError;
  }
}

}  // namespace sluice::controlplane::cli

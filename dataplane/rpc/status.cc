// SPDX-License-Identifier: Apache-2.0
//
// Turns statuses of one kind into the other, with the detail for programs.
#include "dataplane/rpc/status.h"

#include <string>

namespace sluice {

// absl and gRPC number their codes alike on purpose; these two pin the ends of the range.
static_assert(static_cast<int>(absl::StatusCode::kCancelled) == grpc::StatusCode::CANCELLED);
static_assert(static_cast<int>(absl::StatusCode::kUnauthenticated) ==
              grpc::StatusCode::UNAUTHENTICATED);

grpc::Status to_grpc(const absl::Status& status, const v1::ErrorDetail& detail) {
  if (status.ok()) return grpc::Status::OK;
  const std::string details = detail.violations().empty() ? "" : detail.SerializeAsString();
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message()), details};
}

absl::Status from_grpc(const grpc::Status& status) {
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

v1::ErrorDetail detail_of(const grpc::Status& status) {
  v1::ErrorDetail detail;
  // Details of another kind (a proxy's, a newer server's) are no detail of ours.
  if (!detail.ParseFromString(status.error_details())) detail.Clear();
  return detail;
}

}  // namespace sluice

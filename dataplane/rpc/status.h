// SPDX-License-Identifier: Apache-2.0
//
// The one place where absl::Status, grpc::Status and sluice.v1.ErrorDetail are turned into each
// other.
#pragma once

#include "absl/status/status.h"
#include "grpcpp/support/status.h"
#include "sluice/v1/dataplane.pb.h"

namespace sluice {

// Codes map one to one; the detail (may be empty) travels serialized in the status details.
grpc::Status to_grpc(const absl::Status& status, const v1::ErrorDetail& detail = {});
absl::Status from_grpc(const grpc::Status& status);
v1::ErrorDetail detail_of(const grpc::Status& status);

}  // namespace sluice

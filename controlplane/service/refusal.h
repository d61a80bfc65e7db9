// SPDX-License-Identifier: Apache-2.0
//
// A status that carries its violations to the caller.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "controlplane/policy/violation.h"
#include "grpcpp/support/status.h"
#include "sluice/v1/dataplane.pb.h"

namespace sluice::controlplane {

void to_proto(const Violation& violation, v1::Violation& message);

// The status's message is `summary` and the violations, one per line; they also travel as an
// `ErrorDetail`.
absl::Status refusal(absl::StatusCode code, absl::string_view summary,
                     const Violations& violations);

// The status as gRPC sends it, with the detail that `refusal` attached.
grpc::Status reply(const absl::Status& status);

}  // namespace sluice::controlplane

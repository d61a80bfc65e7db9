// SPDX-License-Identifier: Apache-2.0
//
// Where the node listens: makes sure that the place is free, then serves.
#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/daemon/settings.h"
#include "grpcpp/server.h"
#include "sluice/v1/dataplane.grpc.pb.h"

namespace sluice::dataplane {

// Finds out before anything is started whether somebody listens there; removes the socket that a
// crashed node left. Errors: FAILED_PRECONDITION, one line: in use, or not an address of this host.
absl::Status claim_endpoint(const std::string& listen);

// Starts threads: call it from one that is off the workers' processors.
// Errors: INVALID_ARGUMENT (TLS files), FAILED_PRECONDITION (it cannot listen).
absl::StatusOr<std::unique_ptr<grpc::Server>> serve(const NodeSettings& settings,
                                                    v1::Dataplane::Service& service);

}  // namespace sluice::dataplane

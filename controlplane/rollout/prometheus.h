// SPDX-License-Identifier: Apache-2.0
//
// One value asked of a Prometheus server: its instant query over HTTP.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::controlplane {

// Errors: UNAVAILABLE (no answer), FAILED_PRECONDITION (the server refuses the query, or its result
// is not one value), all in one line.
absl::StatusOr<double> ask_prometheus(const v1::PrometheusQuery& query, absl::Duration timeout);

// The value in the body of an answer.  Errors: FAILED_PRECONDITION.
absl::StatusOr<double> parse_prometheus_answer(const std::string& body);

}  // namespace sluice::controlplane

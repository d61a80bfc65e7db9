// SPDX-License-Identifier: Apache-2.0
//
// Where a packet would have gone at an earlier time.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "controlplane/audit/table_archive.h"
#include "sluice/v1/dataplane.pb.h"

namespace sluice::controlplane {

// Answers with the table and the view that the node had at `request.at`, by the code that
// forwards packets. `nodes` are those of the fleet, in order; without a node in the request the
// first one of which enough is kept answers.
// Errors: NOT_FOUND (node; nothing is kept of then), INVALID_ARGUMENT (the request, a time to
// come), DATA_LOSS.
absl::StatusOr<v1::ExplainResponse> explain_at(TableArchive& archive,
                                               const std::vector<std::string>& nodes,
                                               const v1::ExplainRequest& request);

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The flows of several nodes as one list in pages.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "sluice/v1/dataplane.pb.h"

namespace sluice::controlplane {

struct FlowSource {
  std::string node;
  std::function<absl::StatusOr<v1::ListFlowsResponse>(const v1::ListFlowsRequest&)> list;
};

// Node after node. The page token names the node to go on with and its own token. A node that does
// not answer is left out, unless none does.  Errors: INVALID_ARGUMENT (limit, page token),
// UNAVAILABLE (none answers), those of the nodes.
absl::StatusOr<v1::ListFlowsResponse> merge_flow_pages(const v1::ListFlowsRequest& request,
                                                       const std::vector<FlowSource>& sources);

}  // namespace sluice::controlplane

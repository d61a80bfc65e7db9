// SPDX-License-Identifier: Apache-2.0
//
// What the packet path would do with one 5-tuple, told to people.
#pragma once

#include "absl/status/status.h"
#include "dataplane/table/snapshot.h"
#include "sluice/v1/dataplane.pb.h"

namespace sluice::dataplane {

// Fills every field of `response` except `node` and `flow`, by the code that forwards packets.
// Thread: control.  Errors: INVALID_ARGUMENT (addresses that are none or of two families, ports
// above 65535, a protocol without ports), all of them joined by newlines; `response` is then empty.
absl::Status explain(const Snapshot& snapshot, const v1::ExplainRequest& request,
                     v1::ExplainResponse& response);

}  // namespace sluice::dataplane

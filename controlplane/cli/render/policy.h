// SPDX-License-Identifier: Apache-2.0
//
// Policy objects as rows of one table per kind.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "controlplane/cli/kinds.h"
#include "controlplane/cli/render/format.h"
#include "controlplane/cli/render/table.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane::cli {

// `objects` are all of `kind`; `policy` and `statuses` give what is known of them. `format` is
// table or wide.
TextTable table_of(const Kind& kind, const std::vector<const google::protobuf::Message*>& objects,
                   const v1::GetPolicyResponse& policy, const v1::ListRolloutsResponse& statuses,
                   Format format);

// "baking", "paused" …; "-": nothing is known of it.
std::string rollout_state(const v1::ListRolloutsResponse& statuses, const std::string& name);

// Null: the guardrail does not monitor.
const v1::WouldRefuse* find_would_refuse(const v1::GetPolicyResponse& policy,
                                         const std::string& guardrail);

// "up" in green, "down" in red …
Cell state_cell(v1::BackendState state);

// One row per backend and node that knows it; `pool` and `name` empty: all.
TextTable backends_table(const v1::Policy& policy, const v1::ListNodesResponse& nodes,
                         const std::string& pool, const std::string& name, absl::Time now);

}  // namespace sluice::controlplane::cli

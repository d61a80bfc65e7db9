// SPDX-License-Identifier: Apache-2.0
//
// How a plan and its result read: + ~ - per object, shares before and after, nodes.
#pragma once

#include <ostream>

#include "controlplane/cli/render/table.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane::cli {

void print_diff(std::ostream& out, const v1::PlanResponse& plan, const Palette& palette);
void print_shares(std::ostream& out, const v1::PlanResponse& plan, const Palette& palette);
// What guardrails forbid and the change leaves out, a line each.
void print_strikes(std::ostream& out, const v1::PlanResponse& plan);
// Who would move, what the live flows of each node would do, which guardrails it touches and which
// approvals it needs.
void print_governance(std::ostream& out, const v1::PlanResponse& plan);
// One "Kind/name" per line of what changes.
void print_names(std::ostream& out, const v1::PlanResponse& plan);
void print_warnings(std::ostream& err, const v1::PlanResponse& plan);
void print_nodes(std::ostream& out, const google::protobuf::RepeatedPtrField<v1::NodeResult>& nodes,
                 const Palette& palette);
// What apply, delete and rollback did.
void print_applied(std::ostream& out, const v1::ApplyResponse& response, const Palette& palette);

}  // namespace sluice::controlplane::cli

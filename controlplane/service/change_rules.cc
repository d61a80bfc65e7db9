// SPDX-License-Identifier: Apache-2.0
//
// What stands against a change that the planner accepts: who asks, how much moves, how long.
#include "controlplane/service/change_rules.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace sluice::controlplane {
namespace {

constexpr double kPartsPerPercent = 10'000;

absl::Duration length_of(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

std::string percent(uint64_t parts) {
  return absl::StrFormat("%g %%", static_cast<double>(parts) / kPartsPerPercent);
}

absl::Status too_much(const std::string& what, uint64_t moved, uint32_t max) {
  return absl::FailedPreconditionError(absl::StrCat("too much would move: ", percent(moved), " of ",
                                                    what, ", and at most ", percent(max), " may"));
}

}  // namespace

absl::Status check_request(const v1::ApplyRequest& request, const Caller& caller) {
  if (request.has_confirm_within()) {
    const absl::Duration wait = length_of(request.confirm_within());
    const absl::Duration most = request.break_glass() ? kBreakGlassMax : kConfirmMax;
    if (wait < kConfirmMin || wait > most) {
      return absl::InvalidArgumentError(
          absl::StrCat("confirm_within: ", absl::FormatDuration(wait), " is not between ",
                       absl::FormatDuration(kConfirmMin), " and ", absl::FormatDuration(most)));
    }
  }
  if (!request.break_glass()) return absl::OkStatus();
  if (request.message().empty()) {
    return absl::InvalidArgumentError(
        "message: breaking glass needs a reason; say it with --reason");
  }
  return require_role(caller, v1::ROLE_ADMIN, "break glass");
}

absl::Status check_moved(const v1::PlanResponse& plan, const v1::ApplyRequest& request) {
  if (!request.has_max_moved()) return absl::OkStatus();
  const uint32_t max = request.max_moved();
  for (const v1::MovedClients& each : plan.moved()) {
    if (each.moved() <= max) continue;
    return too_much(absl::StrCat("class ", each.client_class(), " at service ", each.service()),
                    each.moved(), max);
  }
  for (const v1::NodeEffect& each : plan.nodes()) {
    if (!each.error().empty()) {
      return absl::FailedPreconditionError(
          absl::StrCat("what would move on node ", each.node(), " is not known: ", each.error()));
    }
    const v1::FlowEffects& effects = each.effects();
    if (effects.flows() == 0) continue;
    const uint64_t moved = (effects.moved() + effects.revoked()) * 1'000'000 / effects.flows();
    if (moved > max) return too_much("the live flows on node " + each.node(), moved, max);
  }
  return absl::OkStatus();
}

absl::Status check_identities(const v1::Policy& desired, const Caller& caller) {
  if (caller.has_identity) return absl::OkStatus();
  for (const v1::Guardrail& each : desired.guardrails()) {
    if (each.spec().approvals() == 0) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        "Guardrail/", each.metadata().name(), " asks for ", each.spec().approvals(),
        " approvals of others, and nobody can be told apart here: give people `roles` in the "
        "controller's configuration"));
  }
  return absl::OkStatus();
}

}  // namespace sluice::controlplane

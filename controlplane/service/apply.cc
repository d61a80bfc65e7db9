// SPDX-License-Identifier: Apache-2.0
//
// The change service's rules of who may change what, for how long, and with whose approval.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "controlplane/planner/terms.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/print.h"
#include "controlplane/service/change_rules.h"
#include "controlplane/service/change_service.h"
#include "controlplane/service/step_event.h"

namespace sluice::controlplane {
namespace {

absl::Status still_waits(const Waiting& waiting) {
  const std::string until =
      absl::FormatTime(absl::RFC3339_sec, waiting.deadline, absl::UTCTimeZone());
  if (waiting.breaks_glass) {
    return absl::AbortedError(absl::StrCat("revision ", waiting.revision,
                                           " broke glass and reverts at ", until,
                                           ": wait for that, or end it now with sluice rollback"));
  }
  return absl::AbortedError(absl::StrCat("revision ", waiting.revision,
                                         " waits to be confirmed until ", until,
                                         ": keep it with sluice confirm, or end it with sluice "
                                         "rollback"));
}

// The terms of a rollback are those of an apply; its change is not known yet.
v1::ApplyRequest terms_of(const v1::RollbackRequest& request) {
  v1::ApplyRequest terms;
  terms.set_author(request.author());
  terms.set_message(request.message());
  terms.set_ticket(request.ticket());
  terms.mutable_change()->set_strike(request.strike());
  if (request.has_max_moved()) terms.set_max_moved(request.max_moved());
  if (request.has_confirm_within()) *terms.mutable_confirm_within() = request.confirm_within();
  terms.set_break_glass(request.break_glass());
  return terms;
}

// What would happen by itself needs nobody's leave, and gets no conditions.
absl::Status check_ends_wait(const v1::ApplyRequest& terms, const Waiting& waiting) {
  if (!terms.has_max_moved() && !terms.has_confirm_within() && !terms.break_glass())
    return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("this ends the wait of revision ", waiting.revision,
                   ", which is never held up: leave out max_moved, confirm_within, break_glass"));
}

// What was previewed is previewed again by whoever asks again: nodes are not waited for under the
// lock.
absl::Status moved_meanwhile() {
  return absl::AbortedError(
      "another change came in force while the nodes were asked what would move: ask again");
}

// The whole policy as files that a change can carry.
v1::Change change_to(const v1::Policy& policy, uint64_t base_revision) {
  v1::Change change;
  change.set_prune(true);
  change.set_base_revision(base_revision);
  v1::PolicyFile& file = *change.add_files();
  file.set_name("revision");
  for (const std::string& kind : kinds()) {
    const google::protobuf::FieldDescriptor* field = field_of_kind(kind);
    for (int i = 0; i < policy.GetReflection()->FieldSize(policy, field); ++i) {
      file.mutable_yaml()->append("---\n");
      file.mutable_yaml()->append(
          print_object(policy.GetReflection()->GetRepeatedMessage(policy, field, i)));
    }
  }
  return change;
}

}  // namespace

std::optional<Waiting> ChangeService::wait_of(const v1::ApplyRequest& request, const InForce& base,
                                              absl::Time now) {
  if (!request.has_confirm_within() && !request.break_glass()) return std::nullopt;
  Waiting waiting;
  waiting.back_to = base.revision;
  waiting.breaks_glass = request.break_glass();
  waiting.author = request.author();
  waiting.reason = request.message();
  waiting.deadline = now + kBreakGlassMax;
  if (request.has_confirm_within()) {
    waiting.deadline = now + absl::Seconds(request.confirm_within().seconds()) +
                       absl::Nanoseconds(request.confirm_within().nanos());
  }
  if (base.waiting) {
    // Glass that is broken twice heals once, when the first hour is over: else it would never.
    waiting.back_to = base.waiting->back_to;
    waiting.deadline = std::min(waiting.deadline, base.waiting->deadline);
  }
  return waiting;
}

void ChangeService::sign(const v1::ApplyRequest& request, Origin& origin) {
  origin.entry.set_author(request.author());
  origin.entry.set_message(request.message());
  origin.entry.set_ticket(request.ticket());
  origin.event.set_actor(request.author());
  origin.event.set_reason(request.message());
  if (!request.ticket().empty()) {
    (*origin.event.mutable_details())["ticket"] = request.ticket();
  }
}

absl::Status ChangeService::check_rules(const Planned& planned, const v1::PlanResponse& plan,
                                        const v1::ApplyRequest& request,
                                        const Caller& caller) const {
  const std::optional<Waiting>& waiting = planned.base->waiting;
  if (waiting && !(waiting->breaks_glass && request.break_glass())) return still_waits(*waiting);
  if (absl::Status status = check_identities(*planned.desired.policy, caller); !status.ok())
    return status;
  for (const GovernedEdit& edit : planned.plan.governed) {
    absl::Status status = require_role(caller, v1::ROLE_OFFICER,
                                       absl::StrCat("change ", edit.path, " (", edit.reason, ")"));
    if (!status.ok()) return status;
  }
  return check_moved(plan, request);
}

absl::StatusOr<v1::ApplyResponse> ChangeService::apply_planned(Planned planned,
                                                               const v1::ApplyRequest& request,
                                                               const Caller& caller,
                                                               Origin origin) {
  if (!planned.plan.diff.empty()) {
    v1::PlanResponse plan = describe(planned);
    for (v1::NodeEffect& effect : planned.effects)
      *plan.add_nodes() = std::move(effect);
    if (absl::Status status = check_rules(planned, plan, request, caller); !status.ok())
      return status;
    if (plan.approvals() > 0 && !request.break_glass()) {
      plan.set_digest(digest_on_terms(plan.digest(), request));
      return approvals_.ask(request, plan, origin.entry.rollback_of(), clock_());
    }
    origin.waiting = wait_of(request, *planned.base, clock_());
    if (request.break_glass()) {
      spdlog::warn("{} breaks glass: {}", request.author(), request.message());
    }
  }
  sign(request, origin);
  return accept(std::move(planned), std::move(origin));
}

absl::StatusOr<ChangeService::Planned> ChangeService::plan_request(
    const v1::ApplyRequest& request) const {
  absl::StatusOr<Planned> planned = plan_change(request.change());
  if (planned.ok() && request.has_max_moved() && !planned->plan.diff.empty())
    planned->effects = fleet_.preview(*planned->plan.table);
  return planned;
}

absl::StatusOr<v1::ApplyResponse> ChangeService::apply(const v1::ApplyRequest& request,
                                                       const Caller& caller) {
  const absl::StatusOr<std::string> author = author_of(caller, request.author());
  if (!author.ok()) return author.status();
  if (absl::Status status = check_request(request, caller); !status.ok()) return status;
  v1::ApplyRequest signed_request = request;
  signed_request.set_author(*author);
  return give_way([&] { return try_apply(signed_request, caller); });
}

absl::StatusOr<v1::ApplyResponse> ChangeService::try_apply(const v1::ApplyRequest& request,
                                                           const Caller& caller) {
  absl::StatusOr<Planned> planned = plan_request(request);
  if (!planned.ok()) return planned.status();
  const absl::MutexLock lock(&change_mutex_);
  if (planned->base != running()) {
    // Somebody was faster. With a base revision this is ABORTED, without one the newest counts.
    if (request.has_max_moved()) return moved_meanwhile();
    planned = plan_change(request.change());
    if (!planned.ok()) return planned.status();
  }
  Origin origin;
  origin.event.set_kind(request.break_glass() ? "break-glass" : "apply");
  return apply_planned(*std::move(planned), request, caller, std::move(origin));
}

absl::StatusOr<v1::ApplyResponse> ChangeService::rollback(const v1::RollbackRequest& request,
                                                          const Caller& caller) {
  const absl::StatusOr<std::string> author = author_of(caller, request.author());
  if (!author.ok()) return author.status();
  v1::ApplyRequest as_apply = terms_of(request);
  as_apply.set_author(*author);
  if (absl::Status status = check_request(as_apply, caller); !status.ok()) return status;
  absl::StatusOr<v1::ApplyResponse> response =
      give_way([&] { return go_back(request, as_apply, caller); });
  if (!response.ok() || response->plan().diff().empty() || !response->nodes().empty())
    return response;
  for (v1::NodeResult& node : fleet_.results(absl::Now() + kOrderPatience))
    *response->add_nodes() = std::move(node);
  return response;
}

absl::StatusOr<ChangeService::WayBack> ChangeService::plan_back(
    const v1::RollbackRequest& request, const v1::ApplyRequest& as_apply,
    const std::shared_ptr<const InForce>& base) const {
  WayBack back;
  back.revision = request.revision();
  if (back.revision == 0 && base->waiting) back.revision = base->waiting->back_to;
  back.ends_wait = base->waiting && back.revision == base->waiting->back_to;
  if (back.revision == 0 && !back.ends_wait) {
    if (base->revision < 2) return absl::NotFoundError("there is no revision to go back to");
    back.revision = base->revision - 1;
  }
  if (back.ends_wait) {
    if (absl::Status status = check_ends_wait(as_apply, *base->waiting); !status.ok())
      return status;
  }
  absl::StatusOr<Planned> planned = plan_revision(
      base, back.revision, back.ends_wait ? kReverting : leniency_of(as_apply.change()));
  if (!planned.ok()) return planned.status();
  back.planned = *std::move(planned);
  return back;
}

absl::StatusOr<v1::ApplyResponse> ChangeService::go_back(const v1::RollbackRequest& request,
                                                         v1::ApplyRequest as_apply,
                                                         const Caller& caller) {
  std::shared_ptr<const InForce> base = running();
  absl::StatusOr<WayBack> back = plan_back(request, as_apply, base);
  if (back.ok() && as_apply.has_max_moved())
    back->planned.effects = fleet_.preview(*back->planned.plan.table);
  const absl::MutexLock lock(&change_mutex_);
  if (base != running()) {
    if (as_apply.has_max_moved()) return moved_meanwhile();
    base = running();
    back = plan_back(request, as_apply, base);
  }
  if (!back.ok()) return back.status();
  Origin origin;
  origin.event.set_kind(request.break_glass() ? "break-glass" : "rollback");
  origin.entry.set_rollback_of(back->revision);
  if (back->ends_wait) {
    sign(as_apply, origin);
    return end_wait(std::move(back->planned), std::move(origin));
  }
  *as_apply.mutable_change() = change_to(*back->planned.desired.policy, base->revision);
  as_apply.mutable_change()->set_strike(request.strike());
  return apply_planned(std::move(back->planned), as_apply, caller, std::move(origin));
}

absl::StatusOr<ChangeService::Planned> ChangeService::plan_approved(
    const StoredChange& stored) const {
  const v1::ApplyRequest& request = stored.change.request();
  if (stored.rollback_of == 0) return plan_change(request.change());
  return plan_change(request.change(), stored.rollback_of);
}

std::optional<ChangeService::Planned> ChangeService::plan_ahead(
    const v1::DecideChangeRequest& request) {
  if (request.reject()) return std::nullopt;
  const absl::StatusOr<StoredChange> stored = approvals_.find_stored(request.id());
  if (!stored.ok() || stored->change.state() != v1::PendingChange::STATE_PENDING)
    return std::nullopt;
  const v1::PendingChange& change = stored->change;
  if (static_cast<uint32_t>(change.approvals_size()) + 1 < change.plan().approvals())
    return std::nullopt;
  absl::StatusOr<Planned> planned = plan_approved(*stored);
  if (!planned.ok()) return std::nullopt;  // what is wrong is found again, under the lock
  // What moved little when it was asked for may move more now.
  if (change.request().has_max_moved()) planned->effects = fleet_.preview(*planned->plan.table);
  return *std::move(planned);
}

absl::StatusOr<v1::ApplyResponse> ChangeService::apply_approved(const StoredChange& stored,
                                                                std::optional<Planned> ahead) {
  const v1::PendingChange& change = stored.change;
  const bool is_current = ahead && ahead->base == running();
  absl::StatusOr<Planned> planned = is_current ? *std::move(ahead) : plan_approved(stored);
  if (!planned.ok()) return planned.status();
  if (!is_current && change.request().has_max_moved()) return moved_meanwhile();
  v1::PlanResponse plan = describe(*planned);
  plan.set_digest(digest_on_terms(plan.digest(), change.request()));
  if (plan.digest() != change.plan().digest() || plan.approvals() > change.plan().approvals()) {
    return absl::AbortedError(
        absl::StrCat("change ", change.id(), " would do something else now: ask for it again"));
  }
  if (planned->base->waiting) return still_waits(*planned->base->waiting);
  for (v1::NodeEffect& effect : planned->effects)
    *plan.add_nodes() = std::move(effect);
  if (absl::Status status = check_moved(plan, change.request()); !status.ok()) return status;
  Origin origin;
  origin.entry.set_author(change.request().author());
  origin.entry.set_message(change.request().message());
  origin.entry.set_ticket(change.request().ticket());
  origin.entry.set_rollback_of(stored.rollback_of);
  origin.event = step_event(stored.rollback_of == 0 ? "apply" : "rollback",
                            change.request().author(), change.request().message());
  for (const v1::Approval& approval : change.approvals()) {
    origin.entry.add_approvers(approval.approver());
    (*origin.event.mutable_details())["approver/" + approval.approver()] = approval.message();
  }
  (*origin.event.mutable_details())["change"] = absl::StrCat(change.id());
  origin.waiting = wait_of(change.request(), *planned->base, clock_());
  origin.applied = change;
  origin.approval = Approvals::approval_event(change);
  return accept(*std::move(planned), std::move(origin));
}

absl::StatusOr<v1::DecideChangeResponse> ChangeService::decide(
    const v1::DecideChangeRequest& request, const Caller& caller) {
  return give_way([&] { return try_decide(request, caller); });
}

absl::StatusOr<v1::DecideChangeResponse> ChangeService::try_decide(
    const v1::DecideChangeRequest& request, const Caller& caller) {
  std::optional<Planned> ahead = plan_ahead(request);
  const absl::MutexLock lock(&change_mutex_);
  const uint64_t revision = running()->revision;
  v1::DecideChangeResponse response;
  if (request.reject()) {
    absl::StatusOr<v1::PendingChange> rejected =
        approvals_.reject(request, caller, revision, clock_());
    if (!rejected.ok()) return rejected.status();
    *response.mutable_change() = *std::move(rejected);
    return response;
  }
  absl::StatusOr<StoredChange> stored =
      approvals_.with_approval(request, caller, revision, clock_());
  if (!stored.ok()) return stored.status();
  v1::PendingChange& change = stored->change;
  if (static_cast<uint32_t>(change.approvals_size()) < change.plan().approvals()) {
    if (absl::Status status = approvals_.keep(change); !status.ok()) return status;
  } else {
    absl::StatusOr<v1::ApplyResponse> applied = apply_approved(*stored, std::move(ahead));
    if (!applied.ok()) return applied.status();
    change.set_state(v1::PendingChange::STATE_APPLIED);
    change.set_revision(applied->revision());
    *response.mutable_applied() = *std::move(applied);
  }
  *response.mutable_change() = std::move(change);
  return response;
}

}  // namespace sluice::controlplane

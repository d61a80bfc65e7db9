// SPDX-License-Identifier: Apache-2.0
//
// The change service's revisions that revert by themselves, and how such a wait ends.
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/service/change_rules.h"
#include "controlplane/service/change_service.h"
#include "controlplane/service/step_event.h"

namespace sluice::controlplane {
namespace {

// A revert that fails, for want of disk say, plans a whole policy: it is tried soon, then seldom.
constexpr absl::Duration kRevertPause = absl::Seconds(1);
constexpr absl::Duration kRevertPauseMax = absl::Seconds(30);

}  // namespace

std::string notice_of(const Waiting& waiting) {
  const std::string until =
      absl::FormatTime(absl::RFC3339_sec, waiting.deadline, absl::UTCTimeZone());
  if (waiting.breaks_glass) {
    return absl::StrCat("GLASS IS BROKEN: revision ", waiting.revision, " by ", waiting.author,
                        " is in force without approvals and reverts at ", until, ": ",
                        waiting.reason);
  }
  return absl::StrCat("revision ", waiting.revision, " by ", waiting.author, " reverts at ", until,
                      " unless it is confirmed: sluice confirm");
}

absl::StatusOr<v1::ConfirmResponse> ChangeService::confirm(const v1::ConfirmRequest& request,
                                                           const Caller& caller) {
  const absl::MutexLock lock(&change_mutex_);
  const std::shared_ptr<const InForce> base = running();
  if (!base->waiting) return absl::NotFoundError("no revision waits to be confirmed");
  const Waiting& waiting = *base->waiting;
  if (request.revision() != 0 && request.revision() != waiting.revision) {
    return absl::NotFoundError(absl::StrCat("revision ", request.revision(),
                                            " does not wait to be confirmed; revision ",
                                            waiting.revision, " does"));
  }
  if (waiting.breaks_glass) {
    return absl::FailedPreconditionError(
        absl::StrCat("revision ", waiting.revision,
                     " broke glass and cannot be confirmed: apply it the usual way once it "
                     "reverted"));
  }
  v1::Event event = step_event("confirm", caller.name, "");
  event.set_target(absl::StrCat("revision/", waiting.revision));
  if (absl::Status status = stop_waiting(std::move(event)); !status.ok()) return status;
  v1::ConfirmResponse response;
  response.set_revision(waiting.revision);
  return response;
}

absl::StatusOr<v1::ApplyResponse> ChangeService::take_back(const Waiting& waiting) {
  absl::StatusOr<Planned> planned = plan_revision(running(), waiting.back_to, kReverting);
  if (!planned.ok()) return planned.status();
  const std::string reason =
      waiting.breaks_glass
          ? absl::StrCat("revision ", waiting.revision, " broke glass, and its time is over")
          : absl::StrCat("revision ", waiting.revision, " was not confirmed in time");
  Origin origin;
  origin.entry.set_author(kController);
  origin.entry.set_message(reason);
  origin.entry.set_rollback_of(waiting.back_to);
  origin.event = step_event("revert", kController, reason);
  (*origin.event.mutable_details())["author"] = waiting.author;
  return end_wait(*std::move(planned), std::move(origin));
}

absl::StatusOr<v1::ApplyResponse> ChangeService::end_wait(Planned planned, Origin origin) {
  // Who refuses what everybody ran before keeps nobody in what was for a while only.
  origin.refusal = NodeRefusal::kIsBorne;
  if (!planned.plan.diff.empty()) return accept(std::move(planned), std::move(origin));
  // Somebody went back by hand: what is in force stays, for good.
  origin.event.set_target(absl::StrCat("revision/", planned.base->revision));
  if (absl::Status status = stop_waiting(origin.event); !status.ok()) return status;
  return accept(std::move(planned), {});
}

absl::Status ChangeService::stop_waiting(v1::Event event) {
  InForce next = *running();
  event.set_revision(next.revision);
  event.set_generation(next.generation);
  if (absl::Status status = store_.confirm(std::move(event)); !status.ok()) return status;
  next.waiting.reset();
  set_running(std::make_shared<const InForce>(std::move(next)));
  return absl::OkStatus();
}

std::optional<Waiting> ChangeService::bounded_wait(absl::Time now) {
  const std::shared_ptr<const InForce> base = running();
  if (!base->waiting) return std::nullopt;
  const absl::Time latest = now + (base->waiting->breaks_glass ? kBreakGlassMax : kConfirmMax);
  if (base->waiting->deadline <= latest) return base->waiting;
  InForce next = *base;
  next.waiting->deadline = latest;
  set_running(std::make_shared<const InForce>(next));
  return next.waiting;
}

void ChangeService::note_failed_revert(const Waiting& waiting, const absl::Status& failure,
                                       absl::Time now) {
  const bool is_first = failed_revert_.error.empty();
  failed_revert_.pause =
      is_first ? kRevertPause : std::min(2 * failed_revert_.pause, kRevertPauseMax);
  failed_revert_.try_again = now + failed_revert_.pause;
  if (failed_revert_.error == failure.message()) return;
  failed_revert_.error = std::string(failure.message());
  v1::Event event = step_event("revert", kController, failed_revert_.error);
  event.set_target(absl::StrCat("revision/", waiting.revision));
  event.set_outcome(v1::Event::OUTCOME_REFUSED);
  event.set_revision(waiting.revision);
  event.set_generation(running()->generation);
  if (absl::Status status = events_.append(std::move(event)); !status.ok())
    spdlog::error("event: {}", std::string(status.message()));
}

absl::Status ChangeService::end_overdue(absl::Time now) {
  const std::optional<Waiting> waiting = bounded_wait(now);
  if (!waiting) failed_revert_ = {};
  if (!waiting || now < waiting->deadline || now < failed_revert_.try_again)
    return absl::OkStatus();
  const absl::StatusOr<v1::ApplyResponse> reverted = take_back(*waiting);
  if (!reverted.ok()) {
    note_failed_revert(*waiting, reverted.status(), now);
    return reverted.status();
  }
  failed_revert_ = {};
  spdlog::warn("revision {} is reverted: revision {} is in force", waiting->revision,
               reverted->revision());
  return absl::OkStatus();
}

absl::Status ChangeService::tend(absl::Time now) {
  const absl::MutexLock lock(&change_mutex_);
  const absl::Status ended = end_overdue(now);
  const absl::Status tidied = approvals_.tidy(running()->revision, now);
  return ended.ok() ? tidied : ended;
}

}  // namespace sluice::controlplane

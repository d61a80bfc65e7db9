// SPDX-License-Identifier: Apache-2.0
//
// Changes that wait until enough other people approve exactly what the author asked for.
#include "controlplane/service/approvals.h"

#include <algorithm>
#include <string>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "controlplane/planner/terms.h"
#include "controlplane/store/stored_time.h"

namespace sluice::controlplane {
namespace {

v1::Event event_of(const char* kind, const v1::PendingChange& change, const std::string& actor,
                   v1::Event::Outcome outcome, const std::string& reason) {
  v1::Event event;
  event.set_kind(kind);
  event.set_actor(actor);
  event.set_target(absl::StrCat("change/", change.id()));
  event.set_outcome(outcome);
  event.set_reason(reason);
  event.set_revision(change.plan().base_revision());
  event.set_plan_digest(change.plan().digest());
  (*event.mutable_details())["author"] = change.request().author();
  if (const std::string terms = terms_text(change.request()); !terms.empty())
    (*event.mutable_details())["terms"] = terms;
  return event;
}

std::string count_text(uint32_t approvals) {
  return approvals == 1 ? "1 approval of another" : absl::StrCat(approvals, " approvals of others");
}

// Marks the status of a request that was written down.
constexpr char kPendingUrl[] = "type.googleapis.com/sluice.v1.PendingChange";

const char* state_text(v1::PendingChange::State state) {
  switch (state) {
    case v1::PendingChange::STATE_APPLIED:
      return "applied already";
    case v1::PendingChange::STATE_REJECTED:
      return "rejected";
    case v1::PendingChange::STATE_VOID:
      return "void";
    case v1::PendingChange::STATE_EXPIRED:
      return "expired";
    default:
      return "open";
  }
}

}  // namespace

bool is_pending(const absl::Status& status) {
  return status.GetPayload(kPendingUrl).has_value();
}

absl::Status Approvals::ask(const v1::ApplyRequest& request, const v1::PlanResponse& plan,
                            uint64_t rollback_of, absl::Time now) {
  StoredChange stored;
  stored.rollback_of = rollback_of;
  v1::PendingChange& change = stored.change;
  change.set_state(v1::PendingChange::STATE_PENDING);
  *change.mutable_request() = request;
  change.mutable_request()->mutable_change()->set_base_revision(plan.base_revision());
  *change.mutable_plan() = plan;
  set_time(*change.mutable_created(), now);
  set_time(*change.mutable_expires(), now + kApprovalsWait);
  const absl::MutexLock lock(&mutex_);
  if (absl::Status status = load(); !status.ok()) return status;
  if (absl::Status status = check_room(outline_of(change)); !status.ok()) return status;
  v1::Event event = event_of("change.pending", change, request.author(), v1::Event::OUTCOME_PENDING,
                             request.message());
  if (absl::Status status = store_.add(stored, event); !status.ok()) return status;
  open_->push_back(outline_of(change));
  absl::Status status = absl::PermissionDeniedError(
      absl::StrCat("change ", change.id(), " waits for ", count_text(plan.approvals()),
                   ": sluice approve ", change.id()));
  status.SetPayload(kPendingUrl, absl::Cord());
  return status;
}

absl::Status Approvals::close(v1::PendingChange change, v1::PendingChange::State state,
                              const std::string& reason) {
  change.set_state(state);
  change.set_reason(reason);
  const bool is_late = state == v1::PendingChange::STATE_EXPIRED;
  return store_.replace(change, event_of(is_late ? "change.expired" : "change.void", change,
                                         "controller", v1::Event::OUTCOME_REFUSED, reason));
}

absl::StatusOr<StoredChange> Approvals::find_open(uint64_t id, const Caller& caller,
                                                  uint64_t revision, absl::Time now) {
  if (!caller.has_identity) {
    return absl::FailedPreconditionError(
        "nobody can be told apart here, so nobody can approve: give people `roles` in the "
        "controller's configuration");
  }
  if (absl::Status status = require_role(caller, v1::ROLE_OPERATOR, "decide on changes");
      !status.ok()) {
    return status;
  }
  if (absl::Status status = tidy(revision, now); !status.ok()) return status;
  absl::StatusOr<StoredChange> stored = store_.find(id);
  if (!stored.ok()) return stored.status();
  const v1::PendingChange& change = stored->change;
  if (change.state() == v1::PendingChange::STATE_PENDING) return stored;
  return absl::AbortedError(absl::StrCat("change ", id, " is ", state_text(change.state()),
                                         change.reason().empty() ? "" : ": ", change.reason()));
}

absl::StatusOr<StoredChange> Approvals::with_approval(const v1::DecideChangeRequest& request,
                                                      const Caller& caller, uint64_t revision,
                                                      absl::Time now) {
  absl::StatusOr<StoredChange> stored = find_open(request.id(), caller, revision, now);
  if (!stored.ok()) return stored;
  v1::PendingChange& change = stored->change;
  if (caller.name == change.request().author()) {
    return absl::PermissionDeniedError(absl::StrCat("change ", change.id(), " is ", caller.name,
                                                    "'s own: somebody else has to approve it"));
  }
  const bool is_second =
      std::any_of(change.approvals().begin(), change.approvals().end(),
                  [&](const v1::Approval& one) { return one.approver() == caller.name; });
  if (is_second) {
    return absl::PermissionDeniedError(
        absl::StrCat(caller.name, " approved change ", change.id(), " already"));
  }
  if (request.plan_digest() != change.plan().digest()) {
    return absl::AbortedError(absl::StrCat("the approval is for another plan than that of change ",
                                           change.id(), ": look at it again"));
  }
  v1::Approval& approval = *change.add_approvals();
  approval.set_approver(caller.name);
  approval.set_message(request.message());
  set_time(*approval.mutable_time(), now);
  return stored;
}

v1::Event Approvals::approval_event(const v1::PendingChange& change) {
  const v1::Approval& last = change.approvals(change.approvals_size() - 1);
  return event_of("approve", change, last.approver(), v1::Event::OUTCOME_DONE, last.message());
}

absl::Status Approvals::keep(const v1::PendingChange& change) {
  return store_.replace(change, approval_event(change));
}

absl::StatusOr<v1::PendingChange> Approvals::reject(const v1::DecideChangeRequest& request,
                                                    const Caller& caller, uint64_t revision,
                                                    absl::Time now) {
  if (request.message().empty()) {
    return absl::InvalidArgumentError("message: a rejection needs a reason; say it with -m");
  }
  absl::StatusOr<StoredChange> stored = find_open(request.id(), caller, revision, now);
  if (!stored.ok()) return stored.status();
  v1::PendingChange& change = stored->change;
  change.set_state(v1::PendingChange::STATE_REJECTED);
  change.set_reason(absl::StrCat(caller.name, ": ", request.message()));
  absl::Status status = store_.replace(
      change, event_of("reject", change, caller.name, v1::Event::OUTCOME_DONE, request.message()));
  if (!status.ok()) return status;
  const absl::MutexLock lock(&mutex_);
  if (open_) std::erase_if(*open_, [&](const OpenChange& open) { return open.id == change.id(); });
  return change;
}

absl::StatusOr<v1::PendingChange> Approvals::find(uint64_t id) {
  absl::StatusOr<StoredChange> stored = store_.find(id);
  if (!stored.ok()) return stored.status();
  return std::move(stored->change);
}

absl::Status Approvals::load() {
  if (open_) return absl::OkStatus();
  absl::StatusOr<std::vector<OpenChange>> open = store_.open();
  if (!open.ok()) return open.status();
  open_ = *std::move(open);
  return absl::OkStatus();
}

absl::Status Approvals::check_room(const OpenChange& asked) const {
  size_t of_author = 0;
  uint64_t bytes = asked.size_bytes;
  uint64_t bytes_of_author = asked.size_bytes;
  for (const OpenChange& each : *open_) {
    bytes += each.size_bytes;
    if (each.author != asked.author) continue;
    ++of_author;
    bytes_of_author += each.size_bytes;
  }
  constexpr char kRemedy[] =
      ": have some approved, or sluice reject those that nobody wants any more (sluice get "
      "changes)";
  if (open_->size() >= kOpenChangesMax || of_author >= kOpenChangesOfAuthorMax) {
    return absl::ResourceExhaustedError(
        absl::StrCat(open_->size(), " changes wait for approvals already, ", of_author, " of ",
                     asked.author, "; at most ", kOpenChangesMax, " may, and ",
                     kOpenChangesOfAuthorMax, " of one author", kRemedy));
  }
  if (bytes > kOpenBytesMax || bytes_of_author > kOpenBytesOfAuthorMax) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "with this one, changes of ", bytes >> 20, " MiB would wait for approvals, ",
        bytes_of_author >> 20, " MiB of ", asked.author, "; at most ", kOpenBytesMax >> 20,
        " MiB may, and ", kOpenBytesOfAuthorMax >> 20, " MiB of one author", kRemedy));
  }
  return absl::OkStatus();
}

absl::Status Approvals::give_up(const OpenChange& open, uint64_t revision) {
  absl::StatusOr<StoredChange> stored = store_.find(open.id);
  if (!stored.ok()) return stored.status();
  if (stored->change.state() != v1::PendingChange::STATE_PENDING) return absl::OkStatus();
  if (open.base_revision != revision) {
    return close(std::move(stored->change), v1::PendingChange::STATE_VOID,
                 absl::StrCat("it was planned on revision ", open.base_revision, ", and ", revision,
                              " is in force"));
  }
  return close(std::move(stored->change), v1::PendingChange::STATE_EXPIRED,
               absl::StrCat("it waited ", absl::FormatDuration(kApprovalsWait)));
}

absl::Status Approvals::tidy(uint64_t revision, absl::Time now) {
  const absl::MutexLock lock(&mutex_);
  if (absl::Status status = load(); !status.ok()) return status;
  std::vector<OpenChange> open;
  absl::Status result;
  for (OpenChange& change : *open_) {
    const bool is_over = change.base_revision != revision || now >= change.expires;
    const absl::Status status = is_over ? give_up(change, revision) : absl::OkStatus();
    if (!status.ok()) result = status;
    if (!is_over || !status.ok()) open.push_back(std::move(change));
  }
  open_ = std::move(open);
  return result;
}

}  // namespace sluice::controlplane

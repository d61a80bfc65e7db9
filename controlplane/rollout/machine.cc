// SPDX-License-Identifier: Apache-2.0
//
// The state machine of a rollout: what follows from its status, its object, the time and what was
// seen.
#include "controlplane/rollout/machine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "controlplane/rollout/proto_time.h"

namespace sluice::controlplane {
namespace {

// A flow that is silent for longer has ended of idleness, so nothing is left to be evicted then.
constexpr absl::Duration kEvictionTime = absl::Minutes(15);
// Long enough for every flow that is in use to send a packet, short for those that the route
// itself gives to the candidate.
constexpr absl::Duration kSharedEvictionTime = absl::Seconds(10);

std::string percent(uint32_t weight) {
  return absl::StrCat(weight / 10'000.0, " %");
}

// One run of the machine over a status.
class Run {
 public:
  Run(const v1::RolloutStatus& status, const v1::Rollout& rollout, absl::Time now)
      : status_(status), spec_(rollout.spec()), now_(now) {}

  v1::RolloutStatus& status() { return status_; }
  RolloutOutcome finish() && { return {std::move(status_), std::move(moves_)}; }

  int step() const {
    return std::min(static_cast<int>(status_.step()), std::max(spec_.steps_size() - 1, 0));
  }
  bool is_last_step() const { return step() + 1 >= spec_.steps_size(); }
  const v1::RolloutStep& step_spec() const {
    return spec_.steps().empty() ? v1::RolloutStep::default_instance() : spec_.steps(step());
  }
  absl::Duration held() const { return now_ - time_from(status_.step_started()); }

  void note(const std::string& kind, const std::string& reason) {
    moves_.push_back({kind, reason});
  }

  void enter(v1::RolloutPhase phase, const std::string& reason) {
    status_.set_phase(phase);
    status_.set_reason(reason);
  }

  void begin_step(int step, const std::string& kind, const std::string& reason) {
    status_.set_step(static_cast<uint32_t>(step));
    status_.set_weight(step_spec().weight());
    status_.set_is_pause_asked(false);
    restart_clock();
    enter(v1::ROLLOUT_PHASE_PROGRESSING, reason);
    note(kind, reason);
  }

  // Counts and time of what is now the present step.
  void restart_clock() {
    *status_.mutable_step_started() = to_timestamp(now_);
    status_.set_flows(0);
    status_.set_clients(0);
  }

  void start(const std::string& reason) {
    status_.set_is_evicting(false);
    status_.clear_evict_at();
    status_.clear_verdict();
    *status_.mutable_started() = to_timestamp(now_);
    begin_step(0, "start", reason);
  }

  // To the next step, or to what comes after the last one.
  void go_on(const std::string& reason) {
    if (!is_last_step()) {
      const uint32_t weight = spec_.steps(step() + 1).weight();
      return begin_step(step() + 1, "step",
                        absl::StrCat("step ", step() + 2, " of ", spec_.steps_size(), ": ",
                                     percent(weight), "; ", reason));
    }
    status_.set_is_pause_asked(false);
    if (status_.phase() != v1::ROLLOUT_PHASE_BAKING &&
        duration_from(spec_.bake()) > absl::ZeroDuration()) {
      restart_clock();
      enter(v1::ROLLOUT_PHASE_BAKING, reason);
      return note("bake", reason);
    }
    restart_clock();
    const std::string holds =
        absl::StrCat("the candidate holds ", percent(status_.weight()), "; ", reason);
    enter(v1::ROLLOUT_PHASE_SUCCEEDED, holds);
    note("success", holds);
  }

  void pause_for_a_person(const std::string& reason) {
    status_.set_is_pause_asked(true);
    enter(v1::ROLLOUT_PHASE_PAUSED, reason);
    note("pause", reason);
  }

  // Back to the stable pool.
  void leave(v1::RolloutPhase phase, const std::string& kind, const std::string& reason) {
    status_.set_weight(0);
    status_.set_is_pause_asked(false);
    *status_.mutable_step_started() = to_timestamp(now_);
    enter(phase, reason);
    note(kind, reason);
    const v1::ExistingFlows& existing = spec_.existing_flows();
    if (existing.action() == v1::ExistingFlows::ACTION_RESET) {
      *status_.mutable_evict_at() = to_timestamp(now_);
      status_.set_is_evicting(true);
    } else if (existing.action() == v1::ExistingFlows::ACTION_MIGRATE) {
      *status_.mutable_evict_at() = to_timestamp(now_ + duration_from(existing.after()));
    }
  }

  void fail(const std::string& reason) {
    if (spec_.on_failure() != v1::RolloutSpec::ON_FAILURE_PAUSE) {
      return leave(v1::ROLLOUT_PHASE_FAILED, "rollback", reason);
    }
    const bool waits = status_.phase() == v1::ROLLOUT_PHASE_PAUSED && status_.is_pause_asked();
    if (!waits) pause_for_a_person(reason);
  }

  // A wall clock that went back would make a step endless: it is held anew from now on.
  void mend_clock() {
    if (time_from(status_.step_started()) > now_) {
      *status_.mutable_step_started() = to_timestamp(now_);
    }
    if (time_from(status_.started()) > now_) *status_.mutable_started() = to_timestamp(now_);
  }

  bool is_too_late() const {
    return spec_.has_deadline() &&
           now_ - time_from(status_.started()) >= duration_from(spec_.deadline());
  }

  // What the present step still waits for; empty: nothing.
  std::string missing(const RolloutEvidence& evidence) const {
    const v1::RolloutStep& step = step_spec();
    if (held() < duration_from(step.for_())) {
      return absl::StrCat("held for ", absl::FormatDuration(duration_from(step.for_())));
    }
    if (evidence.flows < step.min_flows()) {
      return absl::StrCat("waits for ", step.min_flows(), " new flows");
    }
    if (evidence.clients < step.min_clients()) {
      return absl::StrCat("waits for ", step.min_clients(), " clients");
    }
    return "";
  }

 private:
  v1::RolloutStatus status_;
  const v1::RolloutSpec& spec_;
  const absl::Time now_;
  std::vector<RolloutMove> moves_;
};

// The checks with that result, with what they say.
std::string checks_text(const v1::RolloutVerdict& verdict, v1::RolloutVerdict::Result result) {
  std::string text;
  for (const v1::RolloutCheck& check : verdict.checks()) {
    if (check.result() != result) continue;
    absl::StrAppend(&text, text.empty() ? "" : "; ", check.name(),
                    check.message().empty() ? "" : ": ", check.message());
  }
  return text;
}

std::string failure_text(const v1::RolloutVerdict& verdict) {
  const std::string checks = checks_text(verdict, v1::RolloutVerdict::RESULT_FAIL);
  return absl::StrCat("the candidate fails", checks.empty() ? "" : ": ", checks);
}

// The first of them: as a rule the others lack the same.
std::string no_data_text(const v1::RolloutVerdict& verdict) {
  for (const v1::RolloutCheck& check : verdict.checks()) {
    if (check.result() != v1::RolloutVerdict::RESULT_NO_DATA) continue;
    return absl::StrCat("inconclusive: ", check.name(), ": ", check.message());
  }
  return "inconclusive";
}

// A verdict of before this step says nothing about it.
bool passes(const v1::RolloutStatus& status, const v1::RolloutVerdict& verdict) {
  return verdict.result() == v1::RolloutVerdict::RESULT_PASS &&
         time_from(verdict.time()) >= time_from(status.step_started());
}

void bake(Run& run, const v1::RolloutSpec& spec, const RolloutEvidence& evidence) {
  if (run.held() < duration_from(spec.bake())) return;
  if (passes(run.status(), evidence.verdict)) return run.go_on("it baked without a failure");
  run.status().set_reason(no_data_text(evidence.verdict));
}

// A step that may be over: on, or paused for want of data or because the step says so.
void try_to_go_on(Run& run, const RolloutEvidence& evidence) {
  const bool was_paused = run.status().phase() == v1::ROLLOUT_PHASE_PAUSED;
  const std::string missing = run.missing(evidence);
  if (!missing.empty()) {
    run.enter(v1::ROLLOUT_PHASE_PROGRESSING, missing);
    return;
  }
  std::string pause;
  if (!passes(run.status(), evidence.verdict)) {
    pause = no_data_text(evidence.verdict);
  } else if (run.step_spec().pause()) {
    pause = "the step is done; waits for `sluice rollout promote`";
  }
  if (pause.empty()) return run.go_on("the analysis passes");
  run.enter(v1::ROLLOUT_PHASE_PAUSED, pause);
  if (!was_paused) run.note("pause", pause);
}

void advance_live(Run& run, const v1::RolloutSpec& spec, const RolloutEvidence& evidence) {
  run.mend_clock();
  v1::RolloutStatus& status = run.status();
  status.set_flows(evidence.flows);
  status.set_clients(evidence.clients);
  *status.mutable_verdict() = evidence.verdict;
  if (evidence.verdict.result() == v1::RolloutVerdict::RESULT_FAIL) {
    return run.fail(failure_text(evidence.verdict));
  }
  if (run.is_too_late()) {
    return run.fail(absl::StrCat("it has not succeeded within its deadline of ",
                                 absl::FormatDuration(duration_from(spec.deadline())), "; ",
                                 evidence.verdict.result() == v1::RolloutVerdict::RESULT_NO_DATA
                                     ? no_data_text(evidence.verdict)
                                     : status.reason()));
  }
  if (status.phase() == v1::ROLLOUT_PHASE_BAKING) return bake(run, spec, evidence);
  const bool waits_for_a_person =
      status.phase() == v1::ROLLOUT_PHASE_PAUSED && status.is_pause_asked();
  if (!waits_for_a_person) try_to_go_on(run, evidence);
}

void advance_pending(Run& run, const v1::RolloutSpec& spec, const RolloutEvidence& evidence) {
  if (spec.paused()) return;
  // Health of a pool that is new to the nodes takes a moment; no client is sent there before.
  *run.status().mutable_verdict() = evidence.verdict;
  for (const v1::RolloutCheck& check : evidence.verdict.checks()) {
    if (check.name() != "min_up" || check.result() == v1::RolloutVerdict::RESULT_PASS) continue;
    return run.status().set_reason(
        absl::StrCat("waits for the candidate to serve: ", check.message()));
  }
  run.start("the policy declares it running");
}

void advance_eviction(Run& run, absl::Time now, bool candidate_is_shared) {
  v1::RolloutStatus& status = run.status();
  if (!status.has_evict_at() || now < time_from(status.evict_at())) return;
  const absl::Duration time = candidate_is_shared ? kSharedEvictionTime : kEvictionTime;
  if (now - time_from(status.evict_at()) < time) {
    if (!status.is_evicting()) run.note("evict", "the candidate's flows are reset");
    status.set_is_evicting(true);
  } else if (status.is_evicting()) {
    status.set_is_evicting(false);
    status.clear_evict_at();
    run.note("evicted", "the candidate's flows have been reset");
  } else {
    // Nobody was there when it was due: it begins now, for its full time.
    *status.mutable_evict_at() = to_timestamp(now);
    status.set_is_evicting(true);
    run.note("evict", "the candidate's flows are reset");
  }
}

absl::Status wrong_phase(const v1::RolloutStatus& status, const char* action, const char* instead) {
  return absl::FailedPreconditionError(absl::StrCat("rollout ", status.rollout(), " is ",
                                                    phase_text(status.phase()), ": it cannot be ",
                                                    action, "; ", instead));
}

std::string words(const v1::SteerRolloutRequest& command, const char* otherwise) {
  return command.message().empty() ? otherwise : command.message();
}

absl::Status pause(Run& run, const v1::SteerRolloutRequest& command) {
  const v1::RolloutStatus& status = run.status();
  if (!is_live(status)) {
    return wrong_phase(status, "paused", "only one that progresses or bakes can be");
  }
  if (status.phase() == v1::ROLLOUT_PHASE_PAUSED && status.is_pause_asked()) {
    return wrong_phase(status, "paused", "it waits for a person already");
  }
  run.pause_for_a_person(words(command, "asked for"));
  return absl::OkStatus();
}

absl::Status resume(Run& run, const v1::SteerRolloutRequest& command) {
  v1::RolloutStatus& status = run.status();
  if (status.phase() != v1::ROLLOUT_PHASE_PAUSED) {
    return wrong_phase(status, "resumed", "only a paused one can be");
  }
  if (!status.is_pause_asked()) {
    return wrong_phase(
        status, "resumed",
        absl::StrCat("it goes on by itself or with promote: ", status.reason()).c_str());
  }
  status.set_is_pause_asked(false);
  run.enter(v1::ROLLOUT_PHASE_PROGRESSING, words(command, "resumed"));
  run.note("resume", words(command, "resumed"));
  return absl::OkStatus();
}

absl::Status promote(Run& run, const v1::RolloutSpec& spec,
                     const v1::SteerRolloutRequest& command) {
  const v1::RolloutStatus& status = run.status();
  if (!is_live(status)) {
    return wrong_phase(status, "promoted",
                       status.phase() == v1::ROLLOUT_PHASE_PENDING
                           ? "start it first"
                           : "only one that progresses, is paused or bakes can be");
  }
  if (status.verdict().result() == v1::RolloutVerdict::RESULT_FAIL) {
    return absl::FailedPreconditionError(absl::StrCat(
        "rollout ", status.rollout(), " cannot be promoted: ", failure_text(status.verdict())));
  }
  if (command.to_the_end() && !run.is_last_step()) {
    run.begin_step(spec.steps_size() - 1, "promote",
                   absl::StrCat("to the last step; ", words(command, "promoted")));
    return absl::OkStatus();
  }
  run.note("promote", words(command, "promoted"));
  run.go_on(words(command, "promoted"));
  return absl::OkStatus();
}

absl::Status start(Run& run, const v1::SteerRolloutRequest& command) {
  const v1::RolloutPhase phase = run.status().phase();
  if (is_live(run.status()) || phase == v1::ROLLOUT_PHASE_SUCCEEDED) {
    return wrong_phase(run.status(), "started", "it was already");
  }
  run.start(words(command, "started"));
  return absl::OkStatus();
}

absl::Status abort(Run& run, const v1::SteerRolloutRequest& command) {
  if (!is_live(run.status()) && run.status().phase() != v1::ROLLOUT_PHASE_SUCCEEDED) {
    return wrong_phase(run.status(), "aborted", "the candidate gets nothing from it");
  }
  run.leave(v1::ROLLOUT_PHASE_ABORTED, "abort", words(command, "aborted"));
  return absl::OkStatus();
}

}  // namespace

v1::RolloutStatus pending_status(const v1::Rollout& rollout) {
  v1::RolloutStatus status;
  status.set_rollout(rollout.metadata().name());
  status.set_phase(v1::ROLLOUT_PHASE_PENDING);
  status.set_reason("declared, not started");
  return status;
}

bool is_live(const v1::RolloutStatus& status) {
  return status.phase() == v1::ROLLOUT_PHASE_PROGRESSING ||
         status.phase() == v1::ROLLOUT_PHASE_PAUSED || status.phase() == v1::ROLLOUT_PHASE_BAKING;
}

RolloutOutcome advance(const v1::RolloutStatus& status, const v1::Rollout& rollout, absl::Time now,
                       const RolloutEvidence& evidence) {
  Run run(status, rollout, now);
  if (is_live(status)) {
    advance_live(run, rollout.spec(), evidence);
  } else if (status.phase() == v1::ROLLOUT_PHASE_PENDING) {
    advance_pending(run, rollout.spec(), evidence);
  } else {
    advance_eviction(run, now, evidence.candidate_is_shared);
  }
  return std::move(run).finish();
}

absl::StatusOr<RolloutOutcome> steer(const v1::RolloutStatus& status, const v1::Rollout& rollout,
                                     absl::Time now, const v1::SteerRolloutRequest& command) {
  Run run(status, rollout, now);
  absl::Status result;
  switch (command.action()) {
    case v1::SteerRolloutRequest::ACTION_START:
      result = start(run, command);
      break;
    case v1::SteerRolloutRequest::ACTION_PAUSE:
      result = pause(run, command);
      break;
    case v1::SteerRolloutRequest::ACTION_RESUME:
      result = resume(run, command);
      break;
    case v1::SteerRolloutRequest::ACTION_PROMOTE:
      result = promote(run, rollout.spec(), command);
      break;
    case v1::SteerRolloutRequest::ACTION_ABORT:
      result = abort(run, command);
      break;
    default:
      result = absl::InvalidArgumentError("action: start, pause, resume, promote or abort");
  }
  if (!result.ok()) return result;
  return std::move(run).finish();
}

RolloutOutcome hold(const v1::RolloutStatus& status, const std::string& reason) {
  RolloutOutcome outcome{status, {{"pause", reason}}};
  outcome.status.set_phase(v1::ROLLOUT_PHASE_PAUSED);
  outcome.status.set_is_pause_asked(true);
  outcome.status.set_reason(reason);
  return outcome;
}

bool steers_alike(const v1::RolloutStatus& a, const v1::RolloutStatus& b) {
  return a.weight() == b.weight() && a.is_evicting() == b.is_evicting() && is_live(a) == is_live(b);
}

bool same_position(const v1::RolloutStatus& a, const v1::RolloutStatus& b) {
  return steers_alike(a, b) && a.phase() == b.phase() && a.step() == b.step() &&
         a.is_pause_asked() == b.is_pause_asked() &&
         a.started().seconds() == b.started().seconds() &&
         time_from(a.step_started()) == time_from(b.step_started()) &&
         a.has_evict_at() == b.has_evict_at() && time_from(a.evict_at()) == time_from(b.evict_at());
}

std::string phase_text(v1::RolloutPhase phase) {
  const std::string prefix = "ROLLOUT_PHASE_";
  return absl::AsciiStrToLower(v1::RolloutPhase_Name(phase).substr(prefix.size()));
}

}  // namespace sluice::controlplane

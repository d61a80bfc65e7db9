// SPDX-License-Identifier: Apache-2.0
//
// Drives all rollouts: gathers what is seen, asks analysis and machine, puts the outcome into
// force.
#include "controlplane/rollout/runner.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "controlplane/rollout/analysis.h"
#include "controlplane/rollout/conflicts.h"
#include "controlplane/rollout/proto_time.h"
#include "dataplane/yaml/nearest_name.h"

namespace sluice::controlplane {
namespace {

template <class Object>
const Object& named(const google::protobuf::RepeatedPtrField<Object>& objects,
                    const std::string& name) {
  for (const Object& object : objects) {
    if (object.metadata().name() == name) return object;
  }
  return Object::default_instance();
}

bool has_tcp(const v1::Policy& policy, const v1::Route& route) {
  const auto& ports = named(policy.services(), route.spec().service()).spec().ports();
  return std::any_of(ports.begin(), ports.end(),
                     [](const std::string& port) { return absl::StartsWith(port, "tcp/"); });
}

// Whether the route gives flows to the pool without any rollout.
bool names_pool(const v1::Route& route, const std::string& pool) {
  const auto& split = route.spec().split();
  const auto& fallback = route.spec().fallback();
  return std::find(fallback.begin(), fallback.end(), pool) != fallback.end() ||
         std::any_of(split.begin(), split.end(), [&](const v1::SplitEntry& entry) {
           return entry.pool() == pool && entry.weight() > 0;
         });
}

absl::StatusOr<const v1::Rollout*> require_rollout(const v1::Policy& policy,
                                                   const std::string& name) {
  if (const v1::Rollout* rollout = find_rollout(policy, name)) return rollout;
  std::vector<std::string> names;
  for (const v1::Rollout& rollout : policy.rollouts())
    names.push_back(rollout.metadata().name());
  return absl::NotFoundError(
      absl::StrCat("there is no rollout ", quote(name), suggestion(name, names)));
}

bool is_refusal(const absl::Status& status) {
  return absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status);
}

v1::Event event_of(const v1::RolloutStatus& status, const RolloutMove& move,
                   const std::string& actor) {
  v1::Event event;
  event.set_kind("rollout." + move.kind);
  event.set_actor(actor.empty() ? "rollout/" + status.rollout() : actor);
  event.set_target("rollout/" + status.rollout());
  event.set_outcome(v1::Event::OUTCOME_DONE);
  event.set_reason(move.reason);
  (*event.mutable_details())["phase"] = phase_text(status.phase());
  (*event.mutable_details())["step"] = absl::StrCat(status.step() + 1);
  (*event.mutable_details())["weight"] = absl::StrCat(status.weight());
  return event;
}

}  // namespace

RolloutRunner::RolloutRunner(RolloutPorts ports, MetricStore& metrics)
    : ports_(std::move(ports)), metrics_(metrics) {}

RolloutRunner::~RolloutRunner() {
  stop();
}

void RolloutRunner::start(absl::Duration interval) {
  thread_ = std::thread([this, interval] { run(interval); });
}

void RolloutRunner::stop() {
  {
    const absl::MutexLock lock(&tick_mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

void RolloutRunner::run(absl::Duration interval) {
  for (;;) {
    tick();
    const absl::MutexLock lock(&tick_mutex_);
    if (tick_mutex_.AwaitWithTimeout(absl::Condition(&stopping_), interval)) return;
  }
}

// The durable status, with what only this controller counts where they agree.
v1::RolloutStatus RolloutRunner::present(const v1::Rollout& rollout,
                                         const RolloutState& state) const {
  const std::string& name = rollout.metadata().name();
  v1::RolloutStatus status = pending_status(rollout);
  for (const v1::RolloutStatus& durable : state.rollouts) {
    if (durable.rollout() == name) status = durable;
  }
  const absl::MutexLock lock(&shown_mutex_);
  const auto shown = shown_.find(name);
  return shown != shown_.end() && same_position(shown->second, status) ? shown->second : status;
}

void RolloutRunner::show(const v1::RolloutStatus& status) {
  const absl::MutexLock lock(&shown_mutex_);
  shown_[status.rollout()] = status;
}

void RolloutRunner::take_observations(const RolloutState& state) {
  std::map<std::string, Track> tracks;
  for (const v1::Rollout& rollout : state.policy->rollouts()) {
    const std::string& name = rollout.metadata().name();
    Track& track = tracks.emplace(name, std::move(tracks_[name])).first->second;
    const absl::Time step_started = time_from(present(rollout, state).step_started());
    if (track.step_started == step_started) continue;
    track.step_started = step_started;
    track.window.begin_step(step_started);
  }
  tracks_ = std::move(tracks);
  for (const v1::FlowObservation& observation : ports_.observations()) {
    const auto track = tracks_.find(observation.rollout());
    if (track != tracks_.end()) track->second.window.add(observation);
  }
}

RolloutEvidence RolloutRunner::gather(const v1::Rollout& rollout, const v1::RolloutStatus& status,
                                      const RolloutState& state, absl::Time now) {
  const v1::RolloutSpec& spec = rollout.spec();
  const v1::Route& route = named(state.policy->routes(), spec.route());
  Track& track = tracks_[rollout.metadata().name()];
  track.window.forget_before(now - 2 * settings_of(spec.analysis()).window);
  const MetricReadings metrics = metrics_.of(rollout.metadata().name());
  RolloutEvidence seen;
  seen.flows = track.window.step_flows();
  seen.clients = track.window.step_clients();
  seen.verdict = analyse({
      .now = now,
      .spec = spec.analysis(),
      .status = status,
      .flows = track.window.flows(),
      .sees_flows = has_tcp(*state.policy, route),
      .health = track.health.look(named(state.policy->pools(), spec.candidate()), nodes_, now),
      .metrics = metrics,
  });
  seen.candidate_is_shared = names_pool(route, spec.candidate());
  return seen;
}

absl::Status RolloutRunner::put_into_force(const RolloutOutcome& outcome, const RolloutState& state,
                                           const std::string& actor) {
  std::vector<v1::Event> events;
  for (const RolloutMove& move : outcome.moves)
    events.push_back(event_of(outcome.status, move, actor));
  const absl::StatusOr<uint64_t> generation =
      ports_.publish(outcome.status, state.revision, events);
  if (!generation.ok()) return generation.status();
  show(outcome.status);
  return absl::OkStatus();
}

// A step that guardrails or a node refuse is not tried again and again: a person has to look.
void RolloutRunner::bear_refusal(const v1::RolloutStatus& before, const absl::Status& refusal,
                                 const RolloutState& state) {
  const std::string reason = absl::StrCat("its next step is refused: ", refusal.message());
  if (is_live(before)) {
    put_into_force(hold(before, reason), state, "").IgnoreError();
    return;
  }
  Track& track = tracks_[before.rollout()];
  track.refused_revision = state.revision;
  v1::RolloutStatus waiting = before;
  waiting.set_reason(reason);
  show(waiting);
  v1::Event event = event_of(before, {"start", reason}, "");
  event.set_revision(state.revision);
  event.set_outcome(v1::Event::OUTCOME_REFUSED);
  ports_.emit(std::move(event));
}

void RolloutRunner::look_at(const v1::Rollout& rollout, const RolloutState& state, absl::Time now) {
  const v1::RolloutStatus before = present(rollout, state);
  const bool is_pending = before.phase() == v1::ROLLOUT_PHASE_PENDING;
  if (is_pending && tracks_[before.rollout()].refused_revision == state.revision) return;
  RolloutEvidence seen;
  if (is_live(before) || (is_pending && !rollout.spec().paused())) {
    seen = gather(rollout, before, state, now);
  } else {
    const v1::Route& route = named(state.policy->routes(), rollout.spec().route());
    seen.candidate_is_shared = names_pool(route, rollout.spec().candidate());
  }
  const RolloutOutcome outcome = advance(before, rollout, now, seen);
  if (same_position(before, outcome.status)) return show(outcome.status);

  const absl::Status status = put_into_force(outcome, state, "");
  if (status.ok() || absl::IsAborted(status)) return;  // aborted: the next look sees why
  if (is_refusal(status) && outcome.status.weight() > before.weight()) {
    return bear_refusal(before, status, state);
  }
  // It is tried again with the next look; until then everybody may know what hinders it.
  v1::RolloutStatus stuck = before;
  stuck.set_reason(absl::StrCat(outcome.status.reason(), "; not in force yet: ", status.message()));
  *stuck.mutable_verdict() = outcome.status.verdict();
  show(stuck);
}

void RolloutRunner::tick() {
  const absl::MutexLock lock(&tick_mutex_);
  const RolloutState state = ports_.running();
  if (state.policy->rollouts().empty()) {
    tracks_.clear();
    return;
  }
  const absl::Time now = ports_.clock();
  nodes_ = ports_.nodes();
  take_observations(state);
  for (const v1::Rollout& rollout : state.policy->rollouts()) {
    // What one rollout puts into force is the base of the next one.
    const RolloutState newest = ports_.running();
    const v1::Rollout* still = find_rollout(*newest.policy, rollout.metadata().name());
    if (still != nullptr) look_at(*still, newest, now);
  }
}

absl::StatusOr<v1::ListRolloutsResponse> RolloutRunner::list(const std::string& name) const {
  const RolloutState state = ports_.running();
  if (!name.empty()) {
    if (const auto found = require_rollout(*state.policy, name); !found.ok()) return found.status();
  }
  std::vector<v1::RolloutStatus> statuses;
  for (const v1::Rollout& rollout : state.policy->rollouts()) {
    if (name.empty() || rollout.metadata().name() == name)
      statuses.push_back(present(rollout, state));
  }
  std::sort(statuses.begin(), statuses.end(),
            [](const auto& a, const auto& b) { return a.rollout() < b.rollout(); });
  v1::ListRolloutsResponse response;
  *response.mutable_rollouts() = {statuses.begin(), statuses.end()};
  return response;
}

absl::StatusOr<v1::SteerRolloutResponse> RolloutRunner::steer(
    const v1::SteerRolloutRequest& request, const std::string& actor) {
  const absl::MutexLock lock(&tick_mutex_);
  const RolloutState state = ports_.running();
  const absl::StatusOr<const v1::Rollout*> rollout =
      require_rollout(*state.policy, request.rollout());
  if (!rollout.ok()) return rollout.status();
  const absl::StatusOr<RolloutOutcome> outcome =
      controlplane::steer(present(**rollout, state), **rollout, ports_.clock(), request);
  if (!outcome.ok()) return outcome.status();
  if (absl::Status status = put_into_force(*outcome, state, actor); !status.ok()) return status;
  v1::SteerRolloutResponse response;
  *response.mutable_status() = outcome->status;
  return response;
}

absl::Status RolloutRunner::push_metric(const v1::PushMetricRequest& request) {
  const RolloutState state = ports_.running();
  const absl::StatusOr<const v1::Rollout*> rollout =
      require_rollout(*state.policy, request.rollout());
  if (!rollout.ok()) return rollout.status();
  std::vector<std::string> names;
  for (const v1::RolloutMetric& metric : (*rollout)->spec().analysis().metrics()) {
    names.push_back(metric.name());
    if (metric.name() != request.metric()) continue;
    if (metric.has_prometheus()) {
      return absl::InvalidArgumentError(
          absl::StrCat("metric: ", quote(request.metric()), " is asked of Prometheus, not pushed"));
    }
    if (!std::isfinite(request.value())) {
      return absl::InvalidArgumentError("value: must be a finite number");
    }
    const absl::MutexLock lock(&tick_mutex_);
    metrics_.set(request.rollout(), request.metric(), request.value(), ports_.clock());
    return absl::OkStatus();
  }
  return absl::NotFoundError(absl::StrCat("rollout ", request.rollout(), " has no metric ",
                                          quote(request.metric()),
                                          suggestion(request.metric(), names)));
}

}  // namespace sluice::controlplane

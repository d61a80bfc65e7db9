// SPDX-License-Identifier: Apache-2.0
//
// Drives all rollouts: gathers what is seen, asks analysis and machine, puts the outcome into
// force.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "controlplane/rollout/candidate_health.h"
#include "controlplane/rollout/machine.h"
#include "controlplane/rollout/metric_store.h"
#include "controlplane/rollout/observation_window.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

// What is in force, as far as rollouts go.
struct RolloutState {
  uint64_t revision = 0;
  std::shared_ptr<const v1::Policy> policy;  // never null
  std::vector<v1::RolloutStatus> rollouts;   // durable; those that were never started have none
};

// The outside world of the runner. Called by one thread at a time, except `running`.
struct RolloutPorts {
  std::function<absl::Time()> clock;  // without jumps
  std::function<RolloutState()> running;
  std::function<std::vector<v1::NodeEntry>()> nodes;
  // Those that no call has returned yet.
  std::function<std::vector<v1::FlowObservation>()> observations;
  // Makes the status durable, with events about it, and puts it into force; returns the generation.
  // Errors: ABORTED (the revision moved), FAILED_PRECONDITION (guardrails, a node), of the store.
  std::function<absl::StatusOr<uint64_t>(const v1::RolloutStatus&, uint64_t revision,
                                         const std::vector<v1::Event>& events)>
      publish;
  std::function<void(v1::Event)> emit;  // of what was refused: nothing is in force by it
};

// Nothing is acted upon before it is durable, so a controller that is killed at any moment goes on
// from there. Thread: any.
class RolloutRunner {
 public:
  RolloutRunner(RolloutPorts ports, MetricStore& metrics);
  ~RolloutRunner();

  void start(absl::Duration interval);
  void stop();
  // One look at every rollout.
  void tick();

  // Sorted by name; `name` empty: all.  Errors: NOT_FOUND, with the nearest name.
  absl::StatusOr<v1::ListRolloutsResponse> list(const std::string& name) const;
  // Errors: NOT_FOUND, those of `steer` and of the port `publish`. Nothing changed then.
  absl::StatusOr<v1::SteerRolloutResponse> steer(const v1::SteerRolloutRequest& request,
                                                 const std::string& actor);
  // Errors: NOT_FOUND (rollout, metric), INVALID_ARGUMENT (it is asked of Prometheus; no number).
  absl::Status push_metric(const v1::PushMetricRequest& request);

 private:
  struct Track {  // of one rollout, while this controller runs
    ObservationWindow window;
    CandidateHealth health;
    absl::Time step_started = absl::InfinitePast();
    uint64_t refused_revision = 0;  // in which its start was refused; tried again in another
  };

  v1::RolloutStatus present(const v1::Rollout& rollout, const RolloutState& state) const;
  RolloutEvidence gather(const v1::Rollout& rollout, const v1::RolloutStatus& status,
                         const RolloutState& state, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(tick_mutex_);
  void take_observations(const RolloutState& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tick_mutex_);
  void look_at(const v1::Rollout& rollout, const RolloutState& state, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(tick_mutex_);
  absl::Status put_into_force(const RolloutOutcome& outcome, const RolloutState& state,
                              const std::string& actor) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tick_mutex_);
  void bear_refusal(const v1::RolloutStatus& before, const absl::Status& refusal,
                    const RolloutState& state) ABSL_EXCLUSIVE_LOCKS_REQUIRED(tick_mutex_);
  void show(const v1::RolloutStatus& status);
  void run(absl::Duration interval);

  const RolloutPorts ports_;
  MetricStore& metrics_;
  std::thread thread_;

  absl::Mutex tick_mutex_;  // held while something is put into force
  std::map<std::string, Track> tracks_ ABSL_GUARDED_BY(tick_mutex_);  // by rollout
  std::vector<v1::NodeEntry> nodes_ ABSL_GUARDED_BY(tick_mutex_);
  bool stopping_ ABSL_GUARDED_BY(tick_mutex_) = false;

  mutable absl::Mutex shown_mutex_;  // taken after the other
  std::map<std::string, v1::RolloutStatus> shown_ ABSL_GUARDED_BY(shown_mutex_);
};

}  // namespace sluice::controlplane

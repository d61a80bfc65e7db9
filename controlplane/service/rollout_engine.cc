// SPDX-License-Identifier: Apache-2.0
//
// The runner of rollouts and the poller of their metrics, wired to fleet and change service.
#include "controlplane/service/rollout_engine.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace sluice::controlplane {
namespace {

constexpr absl::Duration kLookInterval = absl::Seconds(1);
// Prometheus scrapes every 15 s or so; asking more often than this shows nothing new.
constexpr absl::Duration kMetricInterval = absl::Seconds(3);

void log(const v1::Event& event) {
  spdlog::info("{} of {} by {}: {}", event.kind(), event.target(), event.actor(), event.reason());
}

}  // namespace

RolloutEngine::RolloutEngine(ChangeService& changes, const Fleet& fleet,
                             std::function<void(v1::Event)> emit)
    : observations_(fleet),
      poller_({.policy = [&changes] { return changes.running()->policy; },
               .clock = [this] { return clock_.now(); }},
              metrics_),
      runner_(ports(changes, fleet, std::move(emit)), metrics_) {}

RolloutPorts RolloutEngine::ports(ChangeService& changes, const Fleet& fleet,
                                  std::function<void(v1::Event)> emit) {
  return {
      .clock = [this] { return clock_.now(); },
      .running =
          [&changes] {
            const std::shared_ptr<const InForce> running = changes.running();
            return RolloutState{running->revision, running->policy, running->rollouts};
          },
      .nodes = [&fleet] { return fleet.nodes(); },
      .observations = [this] { return observations_.pull(); },
      .publish =
          [&changes](const v1::RolloutStatus& status, uint64_t revision,
                     const std::vector<v1::Event>& events) {
            absl::StatusOr<uint64_t> generation = changes.set_rollout(status, revision, events);
            if (generation.ok()) std::for_each(events.begin(), events.end(), log);
            return generation;
          },
      .emit =
          [emit = std::move(emit)](v1::Event event) {
            log(event);
            emit(std::move(event));
          },
  };
}

void RolloutEngine::start() {
  runner_.start(kLookInterval);
  poller_.start(kMetricInterval);
}

void RolloutEngine::stop() {
  poller_.stop();
  runner_.stop();
}

}  // namespace sluice::controlplane

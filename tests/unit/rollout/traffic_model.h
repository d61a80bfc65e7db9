// SPDX-License-Identifier: Apache-2.0
//
// Flows of a candidate and of an equally large part of the stable pool, as a node would observe
// them.
#pragma once

#include <cmath>
#include <deque>
#include <random>

#include "controlplane/rollout/analysis.h"
#include "tests/unit/rollout/rollout_fixture.h"

namespace sluice::controlplane {

enum class Behaviour { kHealthy, kResetsSome, kAnswersLate, kStaysSilent, kRefuses };

struct TrafficModel {
  int clients = 200;             // on each side
  double flows_per_second = 50;  // on each side
  double heavy_share = 0;        // of the flows, from one gateway on each side
  Behaviour candidate = Behaviour::kHealthy;
  Behaviour gateway = Behaviour::kHealthy;  // what the candidate does to its gateway's flows alone
  absl::Time onset = absl::InfinitePast();  // before it the candidate is healthy
  double stable_failures = 0.002;           // of flows, on both sides
  double extra_failures = 0;                // of the candidate's flows, on top
  double candidate_slowdown = 1;            // of its response times
};

class Traffic {
 public:
  Traffic(const TrafficModel& model, uint64_t seed) : model_(model), random_(seed) {}

  // The flows that open in [from, to), on both sides.
  void run(absl::Time from, absl::Time to, std::deque<ObservedFlow>& flows) {
    const double expected = model_.flows_per_second * absl::ToDoubleSeconds(to - from);
    for (const bool is_candidate : {false, true}) {
      const int count = std::poisson_distribution<int>(expected)(random_);
      for (int i = 0; i < count; ++i)
        flows.push_back(flow(is_candidate, from + (to - from) * uniform()));
    }
  }

 private:
  double uniform() { return std::uniform_real_distribution<double>()(random_); }
  double lognormal(double median, double sigma) {
    return median * std::exp(std::normal_distribution<double>(0, sigma)(random_));
  }

  ObservedFlow flow(bool is_candidate, absl::Time start) {
    const bool is_gateway = uniform() < model_.heavy_share;
    const auto number = static_cast<uint64_t>(uniform() * model_.clients);
    ObservedFlow flow{.client = is_gateway ? 0 : 1 + number, .start = start, .age_ms = 3000};
    flow.client = flow.client * 2 + (is_candidate ? 1 : 0);
    flow.is_candidate = is_candidate;
    // Each client is as far away as its number says; the two sides' clients are alike.
    const double distance = 1 + 10 * static_cast<double>(flow.client / 2 % 17) / 17;
    flow.handshake_us = static_cast<uint32_t>(lognormal(8'000 * distance, 0.3));
    flow.request_bytes = 400;
    flow.response_us = static_cast<uint32_t>(lognormal(60'000, 0.8) + flow.handshake_us);
    flow.response_bytes = 20'000;
    flow.is_reconnect = uniform() < 0.3;
    const double failures = model_.stable_failures + (is_candidate ? model_.extra_failures : 0);
    if (uniform() < failures) fail(flow);
    if (is_candidate) {
      flow.response_us = static_cast<uint32_t>(flow.response_us * model_.candidate_slowdown);
      if (start >= model_.onset) behave(is_gateway ? model_.gateway : model_.candidate, flow);
    }
    return flow;
  }

  static void fail(ObservedFlow& flow) {
    flow.response_us = 0;
    flow.response_bytes = 0;
  }

  void behave(Behaviour behaviour, ObservedFlow& flow) {
    switch (behaviour) {
      case Behaviour::kHealthy:
        return;
      case Behaviour::kResetsSome:
        // The reset goes to the client directly; the node sees that nothing is acknowledged.
        if (uniform() < 0.3) fail(flow);
        return;
      case Behaviour::kAnswersLate:
        flow.response_us += 2'000'000;
        if (flow.response_us > 3'000'000) fail(flow);
        return;
      case Behaviour::kStaysSilent:
        return fail(flow);
      case Behaviour::kRefuses:
        fail(flow);
        flow.handshake_us = 0;
        flow.request_bytes = 0;
        return;
    }
  }

  TrafficModel model_;
  std::mt19937_64 random_;
};

inline v1::RolloutCheck healthy_backends() {
  v1::RolloutCheck check;
  check.set_name("min_up");
  check.set_result(v1::RolloutVerdict::RESULT_PASS);
  return check;
}

// Analysis as the runner calls it.
struct Analyst {
  v1::RolloutAnalysis spec;
  v1::RolloutStatus status;
  MetricReadings metrics;
  bool sees_flows = true;

  v1::RolloutVerdict look(const std::deque<ObservedFlow>& flows, absl::Time now) const {
    return analyse({.now = now,
                    .spec = spec,
                    .status = status,
                    .flows = flows,
                    .sees_flows = sees_flows,
                    .health = healthy_backends(),
                    .metrics = metrics});
  }
};

}  // namespace sluice::controlplane

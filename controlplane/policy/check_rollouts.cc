// SPDX-License-Identifier: Apache-2.0
//
// Rollouts: references and steps, and that they are paused.
#include <algorithm>

#include "controlplane/policy/checker.h"
#include "dataplane/yaml/nearest_name.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

constexpr Range kStepWeight = {1, 1'000'000};

bool is_in_split(const v1::Route& route, const std::string& pool) {
  const auto& split = route.spec().split();
  return std::any_of(split.begin(), split.end(),
                     [&](const v1::SplitEntry& entry) { return entry.pool() == pool; });
}

void check_references(Checker& checker, const std::string& path, const v1::RolloutSpec& rollout) {
  const bool route_known = checker.check_reference(path + ".route", "Route", rollout.route());
  const bool stable_known = checker.check_reference(path + ".stable", "Pool", rollout.stable());
  const bool candidate_known =
      checker.check_reference(path + ".candidate", "Pool", rollout.candidate());
  const v1::Route* route = route_known ? checker.find_route(rollout.route()) : nullptr;
  if (route != nullptr && stable_known && !is_in_split(*route, rollout.stable())) {
    checker.add(path + ".stable", fmt::format("{} is not in the split of route {}",
                                              quote(rollout.stable()), rollout.route()));
  }
  if (candidate_known && rollout.candidate() == rollout.stable()) {
    checker.add(path + ".candidate", "must be another pool than the stable one");
  }
}

void check_steps(Checker& checker, const std::string& path, const v1::RolloutSpec& rollout) {
  if (rollout.steps().empty()) return checker.add(path, "needs at least one step");
  uint32_t last = 0;
  for (int i = 0; i < rollout.steps_size(); ++i) {
    const uint32_t weight = rollout.steps(i).weight();
    const std::string element = fmt::format("{}[{}].weight", path, i);
    checker.check_range(element, weight, kStepWeight);
    if (i > 0 && weight <= last) {
      checker.add(element, fmt::format("weights must increase: {} stands after {}", weight, last));
    }
    last = weight;
  }
}

}  // namespace

void check_rollouts(Checker& checker) {
  for (int i = 0; i < checker.policy().rollouts_size(); ++i) {
    const v1::Rollout& rollout = checker.policy().rollouts(i);
    const std::string path = checker.path_of("Rollout", rollout, i);
    checker.check_labels(path + ".metadata.labels", rollout.metadata().labels());
    check_references(checker, path + ".spec", rollout.spec());
    check_steps(checker, path + ".spec.steps", rollout.spec());
    if (!rollout.spec().paused()) {
      checker.add(path + ".spec.paused",
                  "a rollout that is not paused is not built yet; write paused: true");
    }
  }
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Rollouts: references, steps and times, and that each has something to fail by.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "controlplane/policy/checker.h"
#include "controlplane/policy/defaults.h"
#include "controlplane/policy/service_port.h"
#include "dataplane/yaml/nearest_name.h"
#include "dataplane/yaml/read_message.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

constexpr Range kStepWeight = {1, 1'000'000};
constexpr int64_t kDayNs = 86'400 * kSecondNs;
constexpr DurationRange kHold = {0, 90 * kDayNs};
constexpr DurationRange kDeadline = {kSecondNs, 365 * kDayNs};
constexpr DurationRange kMigrateAfter = {0, 30 * kDayNs};

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
    const v1::RolloutStep& step = rollout.steps(i);
    const std::string element = fmt::format("{}[{}]", path, i);
    checker.check_range(element + ".weight", step.weight(), kStepWeight);
    if (step.has_for_()) checker.check_duration(element + ".for", step.for_(), kHold);
    if (i > 0 && step.weight() <= last) {
      checker.add(element + ".weight",
                  fmt::format("weights must increase: {} stands after {}", step.weight(), last));
    }
    last = step.weight();
  }
}

void check_existing_flows(Checker& checker, const std::string& path,
                          const v1::ExistingFlows& existing) {
  const bool migrates = existing.action() == v1::ExistingFlows::ACTION_MIGRATE;
  if (migrates && !existing.has_after()) {
    checker.add(path + ".after", "is required for migrate: how long the flows are kept");
  } else if (!migrates && existing.has_after()) {
    checker.add(path + ".after", "goes with action migrate only");
  } else if (migrates) {
    checker.check_duration(path + ".after", existing.after(), kMigrateAfter);
  }
}

void check_times(Checker& checker, const std::string& path, const v1::RolloutSpec& rollout) {
  if (rollout.has_bake()) checker.check_duration(path + ".bake", rollout.bake(), kHold);
  if (!rollout.has_deadline()) return;
  checker.check_duration(path + ".deadline", rollout.deadline(), kDeadline);
  int64_t least = rollout.has_bake() ? to_nanoseconds(rollout.bake()) : 0;
  for (const v1::RolloutStep& step : rollout.steps())
    least += to_nanoseconds(step.for_());
  if (least <= to_nanoseconds(rollout.deadline())) return;
  checker.add(
      path + ".deadline",
      fmt::format("{} is shorter than the steps and the bake time together, {}",
                  format_duration(to_nanoseconds(rollout.deadline())), format_duration(least)));
}

using ServicesByName = std::unordered_map<std::string_view, const v1::Service*>;

bool is_udp_only(const v1::Service& service) {
  const auto& ports = service.spec().ports();
  return !ports.empty() && std::all_of(ports.begin(), ports.end(), [](const std::string& text) {
    const auto port = parse_port(text);
    return port && port->protocol == Protocol::kUdp;
  });
}

void check_can_fail(Checker& checker, const std::string& path, const v1::RolloutSpec& rollout,
                    const ServicesByName& services) {
  const v1::Route* route = checker.find_route(rollout.route());
  if (route == nullptr || !rollout.analysis().metrics().empty()) return;
  const auto service = services.find(route->spec().service());
  if (service == services.end() || !is_udp_only(*service->second)) return;
  checker.add(path + ".analysis.metrics",
              fmt::format("needs a metric: layer 4 sees nothing of UDP that could fail it, and "
                          "service {} has no other port",
                          route->spec().service()));
}

}  // namespace

void check_rollouts(Checker& checker) {
  ServicesByName services;
  for (const v1::Service& service : checker.policy().services())
    services.emplace(service.metadata().name(), &service);
  std::map<std::pair<std::string, std::string>, std::string> owners;  // of (route, stable)
  for (int i = 0; i < checker.policy().rollouts_size(); ++i) {
    const v1::Rollout& rollout = checker.policy().rollouts(i);
    const v1::RolloutSpec& spec = rollout.spec();
    const std::string path = checker.path_of("Rollout", rollout, i);
    checker.check_labels(path + ".metadata.labels", rollout.metadata().labels());
    check_references(checker, path + ".spec", spec);
    check_steps(checker, path + ".spec.steps", spec);
    check_times(checker, path + ".spec", spec);
    if (spec.has_existing_flows())
      check_existing_flows(checker, path + ".spec.existing_flows", spec.existing_flows());
    check_rollout_analysis(checker, path + ".spec.analysis", spec);
    check_can_fail(checker, path + ".spec", spec, services);
    if (spec.route().empty() || spec.stable().empty()) continue;
    const auto [first, added] = owners.try_emplace({spec.route(), spec.stable()}, path);
    if (added) continue;
    checker.add(path + ".spec.stable",
                fmt::format("{}{} divides the share of {} in route {} already", first->second,
                            checker.place(first->second), quote(spec.stable()), spec.route()));
  }
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Whether a route's settings are in range.
#include <algorithm>
#include <cstdint>
#include <string>

#include "dataplane/table/from_proto_violations.h"
#include "dataplane/table/table.h"

namespace sluice::dataplane {
namespace {

constexpr uint32_t kDscpMax = 63;
constexpr int64_t kWindowSecondsMin = 5, kWindowSecondsMax = 600;
constexpr uint32_t kObserveAgeMsMax = 600'000;  // observed flows are all kept in memory meanwhile

// Shape: rollouts are sorted by their stable pools.
void check_rollouts(const std::string& path, const v1::RouteEntry& route,
                    ViolationList& violations) {
  const std::string* last = nullptr;
  for (const v1::RolloutSplit& rollout : route.rollouts()) {
    const std::string its = absl::StrCat(path, ".rollouts[", rollout.stable(), "]");
    if (last != nullptr && *last == rollout.stable()) violations.add(its, "is there twice");
    last = &rollout.stable();
    const bool is_split =
        std::any_of(route.split().begin(), route.split().end(),
                    [&](const v1::RouteSplit& part) { return part.pool() == rollout.stable(); });
    if (!is_split) violations.add(its + ".stable", "is not in the split");
    if (rollout.candidate() == rollout.stable())
      violations.add(its + ".candidate", "is the stable pool");
    if (rollout.weight() > Rollout::kWeightMax)
      violations.add(its + ".weight", "is ", rollout.weight(), ", must be 0 to 1000000");
    if (rollout.seed().empty() || rollout.seed().size() > kSeedBytesMax)
      violations.add(its + ".seed", "has ", rollout.seed().size(), " bytes, must have 1 to 255");
    if (rollout.observe_age_ms() > kObserveAgeMsMax) {
      violations.add(its + ".observe_age_ms", "is ", rollout.observe_age_ms(),
                     ", must be 0 to 600000");
    }
  }
}

// Shape: both lists are sorted.
void check_conditions(const std::string& path, const v1::RouteEntry& route,
                      ViolationList& violations) {
  for (const uint32_t dscp : route.dscp()) {
    if (dscp > kDscpMax) violations.add(path + ".dscp", dscp, " is above 63");
  }
  uint32_t last = 0;
  for (const v1::WeekMinutes& span : route.times()) {
    const bool is_span = span.begin() < span.end() && span.end() <= kMinutesPerWeek;
    if (!is_span || span.begin() < last) {
      violations.add(path + ".times", span.begin(), " to ", span.end(),
                     " is no span of minutes of the week behind the one before");
    }
    last = span.end();
  }
}

void check_on_degraded(const std::string& path, const v1::OnDegraded& entry,
                       ViolationList& violations) {
  if (entry.action() != v1::OnDegraded::ACTION_FALLBACK)
    violations.add(path + ".action", "is ", entry.action(), ", must be fallback");
  const int64_t window = entry.window().seconds();
  const bool is_window = window >= kWindowSecondsMin && window <= kWindowSecondsMax &&
                         entry.window().nanos() >= 0 && entry.window().nanos() <= 999'999'999;
  if (!is_window) violations.add(path + ".window", "must be 5 s to 10 m");
  if (entry.min_flows() == 0) violations.add(path + ".min_flows", "is 0, must be at least 1");
  if (entry.handshake_loss() > 1'000'000)
    violations.add(path + ".handshake_loss", "is ", entry.handshake_loss(),
                   ", must be 0 to 1000000");
  if (!entry.has_handshake_loss() && !entry.has_slower_by() && !entry.has_response_slower_by())
    violations.add(path, "says neither handshake_loss nor slower_by nor response_slower_by");
}

}  // namespace

void check_route_settings(const std::string& path, const v1::RouteEntry& route,
                          ViolationList& violations) {
  check_rollouts(path, route, violations);
  check_conditions(path, route, violations);
  if (route.has_on_degraded())
    check_on_degraded(path + ".on_degraded", route.on_degraded(), violations);
}

}  // namespace sluice::dataplane

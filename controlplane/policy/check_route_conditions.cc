// SPDX-License-Identifier: Apache-2.0
//
// What of a route depends on more than its clients: DSCP, times of the week, degraded pools.
#include "controlplane/policy/checker.h"
#include "controlplane/policy/defaults.h"
#include "controlplane/policy/week_times.h"
#include "dataplane/yaml/nearest_name.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

constexpr Range kDscp = {0, 63};
constexpr Range kHandshakeLoss = {1, 1'000'000};
constexpr Range kSlowerBy = {1, 10'000};  // percent
constexpr DurationRange kDegradedWindow = {5 * kSecondNs, 600 * kSecondNs};

void check_dscp(Checker& checker, const std::string& path, const v1::RouteSpec& route) {
  std::set<uint32_t> seen;
  for (int i = 0; i < route.dscp_size(); ++i) {
    const std::string element = fmt::format("{}[{}]", path, i);
    checker.check_range(element, route.dscp(i), kDscp);
    if (!seen.insert(route.dscp(i)).second)
      checker.add(element, fmt::format("{} stands here twice", route.dscp(i)));
  }
}

// Errors: nullopt, after adding a violation.
std::optional<uint32_t> check_time(Checker& checker, const std::string& path,
                                   const std::string& text) {
  const std::optional<uint32_t> minute = parse_time_of_day(text);
  if (text.empty()) {
    checker.add(path, "is required: a time of the day in UTC, such as 08:00");
  } else if (!minute) {
    checker.add(path, fmt::format("{} is no time of the day; write it like 08:00, at most 24:00",
                                  quote(text)));
  }
  return minute;
}

void check_window(Checker& checker, const std::string& path, const v1::TimeWindow& window) {
  const std::optional<uint32_t> from = check_time(checker, path + ".from", window.from());
  check_time(checker, path + ".to", window.to());
  if (from == kMinutesOfDay)
    checker.add(path + ".from", "no day has a minute that begins at 24:00; write 00:00");
  std::set<int> seen;
  for (int i = 0; i < window.days_size(); ++i) {
    const std::string element = fmt::format("{}.days[{}]", path, i);
    if (window.days(i) < v1::WEEKDAY_MON || window.days(i) > v1::WEEKDAY_SUN) {
      checker.add(element, "must be one of mon, tue, wed, thu, fri, sat, sun");
    } else if (!seen.insert(window.days(i)).second) {
      checker.add(element, "stands here twice");
    }
  }
}

void check_on_degraded(Checker& checker, const std::string& path, const v1::OnDegraded& degraded) {
  if (degraded.action() != v1::OnDegraded::ACTION_FALLBACK)
    checker.add(path + ".action", "is required: fallback");
  if (degraded.has_window())
    checker.check_duration(path + ".window", degraded.window(), kDegradedWindow);
  if (degraded.has_handshake_loss())
    checker.check_range(path + ".handshake_loss", degraded.handshake_loss(), kHandshakeLoss);
  if (degraded.has_slower_by())
    checker.check_range(path + ".slower_by", degraded.slower_by(), kSlowerBy);
  if (degraded.has_response_slower_by())
    checker.check_range(path + ".response_slower_by", degraded.response_slower_by(), kSlowerBy);
  if (!degraded.has_handshake_loss() && !degraded.has_slower_by() &&
      !degraded.has_response_slower_by())
    checker.add(path, "needs a bound: handshake_loss, slower_by, response_slower_by");
}

}  // namespace

void check_route_conditions(Checker& checker, const std::string& path, const v1::RouteSpec& route) {
  check_dscp(checker, path + ".dscp", route);
  for (int i = 0; i < route.times_size(); ++i)
    check_window(checker, fmt::format("{}.times[{}]", path, i), route.times(i));
  if (route.has_on_degraded())
    check_on_degraded(checker, path + ".on_degraded", route.on_degraded());
}

}  // namespace sluice::controlplane

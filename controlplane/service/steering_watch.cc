// SPDX-License-Identifier: Apache-2.0
//
// Compares each view with what was known before it.
#include "controlplane/service/steering_watch.h"

#include "absl/strings/str_cat.h"
#include "controlplane/service/step_event.h"
#include "controlplane/store/stored_time.h"

namespace sluice::controlplane {
namespace {

v1::Event event_of(const v1::ViewRecord& view, const std::string& kind, const std::string& target,
                   const std::string& what) {
  const std::string time =
      absl::FormatTime(absl::RFC3339_sec, time_of(view.time()), absl::UTCTimeZone());
  v1::Event event = step_event(kind, "node/" + view.node(),
                               absl::StrCat(what, ", ", time, ", in its view ", view.view()));
  event.set_target(target);
  event.set_generation(view.generation());
  return event;
}

v1::Event degraded_event(const v1::ViewRecord& view, const std::pair<std::string, std::string>& use,
                         bool is_degraded) {
  const auto& [route, pool] = use;
  v1::Event event =
      event_of(view, is_degraded ? "degraded" : "degraded.end", "pool/" + pool,
               is_degraded ? absl::StrCat("worse than in its own recent past: while a fallback of "
                                          "route ",
                                          route, " serves, that takes its new flows")
                           : absl::StrCat("no longer degraded for route ", route));
  (*event.mutable_details())["route"] = route;
  return event;
}

v1::Event recording_event(const v1::ViewRecord& view, bool can_record) {
  return event_of(view, can_record ? "audit.resumed" : "audit.refusing", "node/" + view.node(),
                  can_record
                      ? "records are kept again: no flow is refused for want of one"
                      : "records would be lost: flows that must be recorded (audit: fail_closed) "
                        "are refused");
}

}  // namespace

void SteeringWatch::begin_with(const v1::ViewRecord& complete) {
  std::vector<v1::Event> untold;
  look_at(complete, untold);
}

std::vector<v1::Event> SteeringWatch::look_at(
    const google::protobuf::RepeatedPtrField<v1::ViewRecord>& views) {
  std::vector<v1::Event> events;
  for (const v1::ViewRecord& view : views)
    look_at(view, events);
  return events;
}

void SteeringWatch::look_at(const v1::ViewRecord& view, std::vector<v1::Event>& events) {
  if (view.incarnation() == incarnation_ && view.view() <= view_) return;
  incarnation_ = view.incarnation();
  view_ = view.view();
  std::set<RoutePool> now;
  if (!view.is_complete()) now = degraded_;
  for (const v1::DegradedView& pool : view.degraded()) {
    const RoutePool use(pool.route(), pool.pool());
    if (pool.is_degraded()) {
      now.insert(use);
    } else {
      now.erase(use);
    }
  }
  for (const RoutePool& use : degraded_) {
    if (!now.contains(use)) events.push_back(degraded_event(view, use, false));
  }
  for (const RoutePool& use : now) {
    if (!degraded_.contains(use)) events.push_back(degraded_event(view, use, true));
  }
  degraded_ = std::move(now);
  if (!view.has_can_record() || view.can_record() == can_record_) return;
  can_record_ = view.can_record();
  events.push_back(recording_event(view, can_record_));
}

}  // namespace sluice::controlplane

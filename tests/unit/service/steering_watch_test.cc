// SPDX-License-Identifier: Apache-2.0
//
// Pools that new flows leave, and nodes that refuse flows for want of a record, are told once.
#include "controlplane/service/steering_watch.h"

#include <gtest/gtest.h>

namespace sluice::controlplane {
namespace {

using Views = google::protobuf::RepeatedPtrField<v1::ViewRecord>;
using Told = std::vector<std::string>;

v1::ViewRecord changes(uint64_t number) {
  v1::ViewRecord view;
  view.set_node("edge-1");
  view.set_incarnation("i1");
  view.set_view(number);
  view.set_generation(7);
  view.mutable_time()->set_seconds(1'700'000'000);
  return view;
}

v1::ViewRecord complete(uint64_t number) {
  v1::ViewRecord view = changes(number);
  view.set_is_complete(true);
  view.set_can_record(true);
  return view;
}

v1::ViewRecord with_pool(v1::ViewRecord view, const std::string& pool, bool is_degraded) {
  v1::DegradedView& entry = *view.add_degraded();
  entry.set_route("chat");
  entry.set_pool(pool);
  entry.set_is_degraded(is_degraded);
  return view;
}

v1::ViewRecord with_records(v1::ViewRecord view, bool can_record) {
  view.set_can_record(can_record);
  return view;
}

std::vector<v1::Event> events_of(SteeringWatch& watch, const std::vector<v1::ViewRecord>& views) {
  return watch.look_at(Views(views.begin(), views.end()));
}

Told told(SteeringWatch& watch, const std::vector<v1::ViewRecord>& views) {
  Told lines;
  for (const v1::Event& event : events_of(watch, views))
    lines.push_back(event.kind() + " " + event.target());
  return lines;
}

TEST(SteeringWatch, AnEventSaysWhichNodeFoundItWhenAndWhere) {
  SteeringWatch watch;

  const std::vector<v1::Event> events =
      events_of(watch, {complete(1), with_pool(changes(2), "blue", true)});

  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind(), "degraded");
  EXPECT_EQ(events[0].actor(), "node/edge-1");
  EXPECT_EQ(events[0].target(), "pool/blue");
  EXPECT_EQ(events[0].generation(), 7U);
  EXPECT_EQ(events[0].details().at("route"), "chat");
  EXPECT_EQ(events[0].reason(),
            "worse than in its own recent past: while a fallback of route chat serves, that takes "
            "its new flows, 2023-11-14T22:13:20+00:00, in its view 2");
}

TEST(SteeringWatch, EachPoolIsToldWhenItIsDegradedAndWhenNoLonger) {
  SteeringWatch watch;

  EXPECT_EQ(told(watch, {complete(1), with_pool(changes(2), "blue", true),
                         with_pool(changes(3), "green", true), changes(4),
                         with_pool(changes(5), "blue", false), complete(6)}),
            (Told{"degraded pool/blue", "degraded pool/green", "degraded.end pool/blue",
                  "degraded.end pool/green"}));
}

TEST(SteeringWatch, ANodeThatRefusesFlowsForWantOfARecordIsToldAndWhenItTakesThemAgain) {
  SteeringWatch watch;

  EXPECT_EQ(told(watch, {complete(1), with_records(changes(2), false), changes(3),
                         with_records(complete(4), false), with_records(changes(5), true)}),
            (Told{"audit.refusing node/edge-1", "audit.resumed node/edge-1"}));
}

TEST(SteeringWatch, WhatWasToldIsNotToldAgain) {
  SteeringWatch watch;
  const v1::ViewRecord first = with_records(with_pool(complete(1), "blue", true), false);
  ASSERT_EQ(told(watch, {first}).size(), 2U);
  v1::ViewRecord restarted = first;
  restarted.set_incarnation("i2");

  EXPECT_EQ(told(watch, {first}), Told{}) << "the same view";
  EXPECT_EQ(told(watch, {restarted}), Told{});
}

TEST(SteeringWatch, WhatWasSoAtItsBeginningIsNotTold) {
  SteeringWatch watch;
  watch.begin_with(with_records(with_pool(complete(1), "blue", true), false));

  EXPECT_EQ(told(watch, {with_pool(changes(2), "blue", false)}), Told{"degraded.end pool/blue"});
}

}  // namespace
}  // namespace sluice::controlplane

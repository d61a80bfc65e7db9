// SPDX-License-Identifier: Apache-2.0
//
// What passes its `eligible_until` is told once, by name.
#include "controlplane/service/expiry_watch.h"

#include <gtest/gtest.h>

namespace sluice::controlplane {
namespace {

using Views = google::protobuf::RepeatedPtrField<v1::ViewRecord>;
using States = std::vector<std::pair<std::string, v1::BackendState>>;

constexpr v1::BackendState kUp = v1::BACKEND_STATE_UP;
constexpr v1::BackendState kExpired = v1::BACKEND_STATE_EXPIRED;

v1::ViewRecord changes(uint64_t number, const States& blue) {
  v1::ViewRecord view;
  view.set_node("edge-1");
  view.set_incarnation("i1");
  view.set_view(number);
  view.set_generation(7);
  view.mutable_time()->set_seconds(1'700'000'000);
  for (const auto& [backend, state] : blue) {
    v1::BackendView& entry = *view.add_backends();
    entry.set_pool("blue");
    entry.set_backend(backend);
    entry.set_state(state);
  }
  return view;
}

v1::ViewRecord complete(uint64_t number, const States& blue) {
  v1::ViewRecord view = changes(number, blue);
  view.set_is_complete(true);
  return view;
}

std::vector<std::string> told(ExpiryWatch& watch, const std::vector<v1::ViewRecord>& views) {
  std::vector<std::string> lines;
  for (const v1::Event& event : watch.look_at(Views(views.begin(), views.end())))
    lines.push_back(event.target() + ": " + event.details().at("backends"));
  return lines;
}

using Told = std::vector<std::string>;

TEST(ExpiryWatch, AnEventSaysWhichNodeFoundItWhenAndWhere) {
  ExpiryWatch watch;
  const std::vector<v1::ViewRecord> views{complete(1, {{"b1", kUp}}),
                                          changes(2, {{"b1", kExpired}})};

  const std::vector<v1::Event> events = watch.look_at(Views(views.begin(), views.end()));

  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind(), "expired");
  EXPECT_EQ(events[0].actor(), "node/edge-1");
  EXPECT_EQ(events[0].target(), "pool/blue");
  EXPECT_EQ(events[0].generation(), 7U);
  EXPECT_EQ(events[0].reason(),
            "past eligible_until by the node's clock, 2023-11-14T22:13:20+00:00, in its view 2");
}

TEST(ExpiryWatch, ABackendIsNamedWhileOthersOfItsPoolAreInTime) {
  ExpiryWatch watch;

  EXPECT_EQ(
      told(watch, {complete(1, {{"b1", kUp}, {"b2", kUp}, {"b3", kUp}, {"b4", kUp}}),
                   changes(2, {{"b2", kExpired}}), changes(3, {{"b1", kExpired}, {"b3", kExpired}}),
                   changes(4, {{"b4", kExpired}})}),
      (Told{"backend/blue/b2: b2", "pool/blue: b1, b3", "pool/blue: b4"}));
}

TEST(ExpiryWatch, WhatWasToldIsNotToldAgain) {
  ExpiryWatch watch;
  const v1::ViewRecord expired = complete(1, {{"b1", kExpired}});
  ASSERT_EQ(told(watch, {expired}).size(), 1U);

  EXPECT_EQ(told(watch, {expired}), Told{}) << "the same view";
  EXPECT_EQ(told(watch, {complete(2, {{"b1", kExpired}})}), Told{}) << "another generation";
  v1::ViewRecord restarted = complete(3, {{"b1", kExpired}});
  restarted.set_incarnation("i2");
  EXPECT_EQ(told(watch, {restarted}), Told{});

  v1::ViewRecord renewed = complete(4, {{"b1", kUp}});
  renewed.set_incarnation("i2");
  v1::ViewRecord again = complete(5, {{"b1", kExpired}});
  again.set_incarnation("i2");
  EXPECT_EQ(told(watch, {renewed, again}).size(), 1U) << "another time has passed";
}

TEST(ExpiryWatch, WhatWasSoAtItsBeginningIsNotTold) {
  ExpiryWatch watch;
  watch.begin_with(complete(1, {{"b1", kExpired}, {"b2", kUp}}));

  EXPECT_EQ(told(watch, {complete(2, {{"b1", kExpired}, {"b2", kExpired}})}),
            Told{"pool/blue: b2"});
}

}  // namespace
}  // namespace sluice::controlplane

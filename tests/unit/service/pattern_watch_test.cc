// SPDX-License-Identifier: Apache-2.0
//
// Detection over what comes in, told as events with their evidence.
#include "controlplane/service/pattern_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "controlplane/service/pattern_event.h"

namespace sluice::controlplane {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class PatternWatchTest : public ::testing::Test {
 protected:
  PatternWatchTest() {
    table_->add_services()->set_name("chat");
    table_->add_client_classes()->set_name("eu");
  }
  v1::RouteEntry& add_route(const std::string& name) {
    v1::RouteEntry& route = *table_->add_routes();
    route.set_name(name);
    return route;
  }
  // A minute with so many new flows, from some client networks.
  void pass(int flows) {
    add("chat", flows);
    end_minute();
  }
  void pass_everywhere(int flows) {
    for (int i = 0; i < 60; ++i)
      add("s" + std::to_string(i), flows);
    end_minute();
  }
  void end_minute() {
    now_ += absl::Minutes(1);
    watch_.look(now_);
  }
  void add(const std::string& service, int flows) {
    std::vector<v1::FlowRecord> records;
    for (int i = 0; i < flows; ++i) {
      v1::FlowRecord& record = records.emplace_back();
      record.set_part(1);
      record.set_opened(v1::OPENED_SYN);
      record.set_client_class("eu");
      record.set_service(service);
      record.set_pool(pool_);
      record.set_route("chat-eu");
      record.set_client_address(std::string("\xc6\x33", 2) + static_cast<char>(i % 8) + '\x07');
      record.mutable_start_time()->set_seconds(absl::ToUnixSeconds(now_));
    }
    watch_.add(records, now_);
  }
  const v1::Event* event(const std::string& kind, const std::string& target) const {
    const auto found = std::find_if(events_.begin(), events_.end(), [&](const v1::Event& each) {
      return each.kind() == kind && each.target() == target &&
             each.details().at("metric") == "new_flows";
    });
    return found == events_.end() ? nullptr : &*found;
  }

  absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  std::shared_ptr<v1::ForwardingTable> table_ = std::make_shared<v1::ForwardingTable>();
  std::string pool_;
  std::vector<v1::Event> events_;
  PatternWatch watch_{{.counters = [] { return v1::ListCountersResponse(); },
                       .table = [this] { return table_; },
                       .tell = [this](const v1::Event& event) { events_.push_back(event); }}};
};

TEST_F(PatternWatchTest, ARushIsToldWhenItBeginsAndWhenItEnds) {
  for (int minute = 0; minute < 90; ++minute)
    pass(200 + minute % 7);
  EXPECT_TRUE(events_.empty()) << events_[0].reason();
  EXPECT_TRUE(std::ranges::none_of(watch_.scores(), [](const auto& s) { return s.is_active; }));
  for (int minute = 0; minute < 10; ++minute)
    pass(900);

  const v1::Event* const begin = event("pattern.begin", "service/chat");
  ASSERT_NE(begin, nullptr);
  EXPECT_THAT(begin->reason(), StartsWith("new flows: more than usual since 2027-01-15T09:3"));
  EXPECT_THAT(begin->reason(), HasSubstr(": 900 a minute, where 20"));
  EXPECT_THAT(begin->reason(), HasSubstr("; most flows from 198.51.0.0/24 (113), 198.51."));
  EXPECT_EQ(begin->details().at("direction"), "up");
  EXPECT_EQ(begin->details().at("value"), "900");
  EXPECT_EQ(begin->details().at("top/198.51.0.0/24"), "113");
  EXPECT_THAT(begin->details().at("series"), HasSubstr("900/20"));
  EXPECT_NE(event("pattern.begin", "class/eu"), nullptr);
  EXPECT_TRUE(std::ranges::any_of(watch_.scores(), [](const auto& s) {
    return s.is_active && s.subject.name == "chat" && s.metric == Metric::kNewFlows;
  }));

  for (int minute = 0; minute < 60; ++minute)
    pass(200);
  const v1::Event* const end = event("pattern.end", "service/chat");
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->reason(), "new flows: as usual again");
}

TEST_F(PatternWatchTest, NothingIsJudgedBeforeAPolicyIsInForce) {
  const auto table = std::exchange(table_, nullptr);
  for (int minute = 0; minute < 90; ++minute)
    pass(minute < 80 ? 200 : 9000);
  EXPECT_TRUE(events_.empty());
  table_ = table;
  for (int minute = 0; minute < 90; ++minute)
    pass(200 + minute % 7);
  EXPECT_TRUE(events_.empty()) << "what came before piled up: " << events_[0].reason();
}

TEST_F(PatternWatchTest, WhatSomebodyDecidedIsNoFinding) {
  pool_ = "blue";
  v1::RouteSplit& part = *add_route("chat-eu").add_split();
  table_->add_pools()->set_name("blue");
  part.set_pool("blue");
  part.set_weight(1);
  v1::RouteSplit& other = *table_->mutable_routes(0)->add_split();
  other.set_pool("green");
  other.set_weight(9);
  for (int minute = 0; minute < 90; ++minute)
    pass(200 + minute % 7);
  const size_t told = events_.size();
  auto changed = std::make_shared<v1::ForwardingTable>(*table_);
  changed->mutable_routes(0)->mutable_split(1)->set_weight(1);
  table_ = changed;
  for (int minute = 0; minute < 10; ++minute)
    pass(900);

  EXPECT_NE(event("pattern.begin", "service/chat"), nullptr);
  for (size_t i = told; i < events_.size(); ++i)
    EXPECT_NE(events_[i].target(), "pool/blue") << events_[i].reason();
}

TEST_F(PatternWatchTest, WhatShakesEverythingIsToldOfSome) {
  for (int i = 0; i < 60; ++i)
    table_->add_services()->set_name("s" + std::to_string(i));
  for (int minute = 0; minute < 90; ++minute)
    pass_everywhere(20 + minute % 3);
  events_.clear();
  for (int minute = 0; minute < 3; ++minute)
    pass_everywhere(200);

  EXPECT_GE(events_.size(), 20u);
  EXPECT_LE(events_.size(), 63u);
  const auto more = std::ranges::find(events_, "pattern.more", &v1::Event::kind);
  ASSERT_NE(more, events_.end());
  EXPECT_THAT(more->reason(), HasSubstr(" more series changed in the minute until 2027-01-15T09:"));
}

TEST_F(PatternWatchTest, TheThreadEndsAtOnce) {
  watch_.start();
  watch_.stop();
}

TEST(PatternEvent, RatiosAreToldInPercent) {
  Finding finding;
  finding.subject = {SubjectKind::kPool, "blue"};
  finding.metric = Metric::kResets;
  finding.recent.push_back(
      {.time = absl::UnixEpoch(), .value = 0.25, .expected = 0.01, .low = 0, .high = 0.031});
  finding.change.since = absl::UnixEpoch();

  const v1::Event event = pattern_event(finding);

  EXPECT_EQ(event.kind(), "pattern.begin");
  EXPECT_EQ(event.target(), "pool/blue");
  EXPECT_EQ(event.actor(), "controller");
  EXPECT_EQ(event.reason(),
            "resets by clients: more than usual since 1970-01-01T00:00Z: 25.0 %, where "
            "1.0 % is usual (0.0 % to 3.1 %)");
}

}  // namespace
}  // namespace sluice::controlplane

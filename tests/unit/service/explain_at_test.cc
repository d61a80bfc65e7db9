// SPDX-License-Identifier: Apache-2.0
//
// The past explained: with the table and the view of then, whatever runs now.
#include "controlplane/service/explain_at.h"

#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "controlplane/service/archivist.h"
#include "controlplane/store/stored_time.h"
#include "gmock/gmock.h"
#include "tests/unit/service/change_fixture.h"

namespace sluice::controlplane {
namespace {

using testing::eventually;
using ::testing::HasSubstr;

class ExplainAtTest : public ChangeFixture {
 protected:
  void SetUp() override {
    ChangeFixture::SetUp();
    events_ = std::make_unique<EventLog>(store_->shared());
    archivist_ = std::make_unique<Archivist>(*archive_, *nobody_, *events_, kKept);
    changes_->call_when_pushed([this](const Target& table) { archivist_->add(table); });
    apply(kPolicy);  // generation 1
    ASSERT_TRUE(eventually([this] { return archive_->table_of(1).ok(); }));
  }
  void TearDown() override { archivist_.reset(); }

  static v1::ViewRecord view(uint64_t number, uint64_t generation, absl::Time time,
                             v1::BackendState b1) {
    v1::ViewRecord record;
    record.set_node("edge-1");
    record.set_incarnation("i1");
    record.set_view(number);
    record.set_generation(generation);
    set_time(*record.mutable_time(), time);
    record.set_is_complete(true);
    for (const auto& [pool, backend] :
         {std::pair("blue", "b1"), std::pair("blue", "b2"), std::pair("green", "g1")}) {
      v1::BackendView& entry = *record.add_backends();
      entry.set_pool(pool);
      entry.set_backend(backend);
      entry.set_state(std::string(backend) == "g1" ? v1::BACKEND_STATE_UP : b1);
    }
    return record;
  }
  // A view that changes no state.
  static v1::ViewRecord changes(uint64_t number, uint64_t generation, absl::Time time) {
    v1::ViewRecord record = view(number, generation, time, v1::BACKEND_STATE_UP);
    record.clear_backends();
    record.set_is_complete(false);
    return record;
  }
  static v1::ExplainRequest request(absl::Time time) {
    v1::ExplainRequest request;
    request.set_protocol(6);
    request.set_client_address("192.0.2.1");
    request.set_client_port(40'000);
    request.set_service_address("203.0.113.10");
    request.set_service_port(80);
    set_time(*request.mutable_at(), time);
    return request;
  }
  absl::StatusOr<v1::ExplainResponse> ask(const v1::ExplainRequest& request) {
    return explain_at(*archive_, {"edge-1", "edge-2"}, request);
  }

  const absl::Time start_ = absl::FromUnixSeconds(1'700'000'000);
  std::unique_ptr<TableArchive> archive_ = *TableArchive::open(directory_.path("audit"));
  std::unique_ptr<Fleet> nobody_ = *Fleet::make({}, *records_);  // tables come from no node
  static constexpr absl::Duration kKept = absl::InfiniteDuration();
  std::unique_ptr<EventLog> events_;
  std::unique_ptr<Archivist> archivist_;
};

TEST_F(ExplainAtTest, AnswerIsOfTheTableAndTheStatesOfThen) {
  ASSERT_TRUE(archive_
                  ->add_views({view(1, 1, start_, v1::BACKEND_STATE_UP),
                               view(2, 1, start_ + absl::Seconds(10), v1::BACKEND_STATE_DOWN)})
                  .ok());
  // The service of then is gone from what runs now.
  v1::ApplyRequest deletion;
  deletion.mutable_change()->add_deletions("Route/chat");
  deletion.mutable_change()->add_deletions("Service/chat");
  ASSERT_TRUE(changes_->apply(deletion).ok());

  const auto up = ask(request(start_ + absl::Seconds(5)));
  const auto down = ask(request(start_ + absl::Seconds(15)));

  ASSERT_TRUE(up.ok()) << up.status();
  EXPECT_EQ(up->verdict(), v1::STEER_VERDICT_FORWARD);
  EXPECT_EQ(up->generation(), 1U);
  EXPECT_EQ(up->view(), 1U);
  EXPECT_EQ(up->node(), "edge-1");
  EXPECT_EQ(up->pool(), up->split_pool());
  EXPECT_THAT(up->reasons(up->reasons_size() - 1), HasSubstr("as of 2023-11-14T22:13:25"));
  ASSERT_TRUE(down.ok()) << down.status();
  EXPECT_EQ(down->view(), 2U);
  EXPECT_EQ(down->pool(), "green");
}

TEST_F(ExplainAtTest, ATableThatLeftTheStatesAloneIsTheTableOfItsTime) {
  apply(pool_yaml("amber"));  // generation 2
  ASSERT_TRUE(eventually([this] { return archive_->table_of(2).ok(); }));
  ASSERT_TRUE(archive_
                  ->add_views({view(1, 1, start_, v1::BACKEND_STATE_UP),
                               view(2, 2, start_ + absl::Seconds(10), v1::BACKEND_STATE_UP)})
                  .ok());

  EXPECT_EQ(ask(request(start_ + absl::Seconds(9)))->generation(), 1U);
  EXPECT_EQ(ask(request(start_ + absl::Seconds(10)))->generation(), 2U);
}

TEST_F(ExplainAtTest, APoolThatWasDegradedIsLeftAsItWasThen) {
  apply(R"(
kind: Route
metadata: {name: chat}
spec:
  {service: chat, clients: {}, split: [{pool: blue, weight: 9}], fallback: [green],
   on_degraded: {action: fallback, slower_by: 100}}
)");  // generation 2
  ASSERT_TRUE(eventually([this] { return archive_->table_of(2).ok(); }));
  v1::ViewRecord degraded = changes(2, 2, start_ + absl::Seconds(10));
  v1::ViewRecord usual = changes(3, 2, start_ + absl::Seconds(20));
  for (v1::ViewRecord* record : {&degraded, &usual}) {
    v1::DegradedView& entry = *record->add_degraded();
    entry.set_route("chat");
    entry.set_pool("blue");
    entry.set_is_degraded(record == &degraded);
  }
  ASSERT_TRUE(
      archive_->add_views({view(1, 2, start_, v1::BACKEND_STATE_UP), degraded, usual}).ok());

  const auto left = ask(request(start_ + absl::Seconds(15)));

  ASSERT_TRUE(left.ok()) << left.status();
  EXPECT_EQ(left->view(), 2U);
  EXPECT_EQ(left->split_pool(), "blue");
  EXPECT_EQ(left->pool(), "green");
  EXPECT_THAT(left->reasons(3), HasSubstr("leave it (on_degraded)"));
  EXPECT_EQ(ask(request(start_))->pool(), "blue");
  EXPECT_EQ(ask(request(start_ + absl::Seconds(25)))->pool(), "blue");
}

TEST_F(ExplainAtTest, FlowsThatCouldNotBeRecordedWereRefused) {
  apply(R"(
kind: Guardrail
metadata: {name: recorded}
spec: {clients: {}, audit: fail_closed}
)");  // generation 2
  ASSERT_TRUE(eventually([this] { return archive_->table_of(2).ok(); }));
  v1::ViewRecord full = changes(2, 2, start_ + absl::Seconds(10));
  full.set_can_record(false);
  v1::ViewRecord emptied = changes(3, 2, start_ + absl::Seconds(20));
  emptied.set_can_record(true);
  ASSERT_TRUE(archive_->add_views({view(1, 2, start_, v1::BACKEND_STATE_UP), full, emptied}).ok());

  const auto refused = ask(request(start_ + absl::Seconds(15)));

  ASSERT_TRUE(refused.ok()) << refused.status();
  EXPECT_EQ(refused->verdict(), v1::STEER_VERDICT_AUDIT_REFUSED);
  EXPECT_EQ(refused->pool(), "");
  EXPECT_EQ(ask(request(start_))->verdict(), v1::STEER_VERDICT_FORWARD);
  EXPECT_EQ(ask(request(start_ + absl::Seconds(25)))->verdict(), v1::STEER_VERDICT_FORWARD);
}

TEST_F(ExplainAtTest, TimeToComeIsRefused) {
  ASSERT_TRUE(archive_->add_views({view(1, 1, start_, v1::BACKEND_STATE_UP)}).ok());

  const absl::Status status = ask(request(absl::Now() + absl::Hours(1))).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("is yet to come"));
}

TEST_F(ExplainAtTest, TimeOfWhichNothingIsKeptIsNotFound) {
  ASSERT_TRUE(archive_->add_views({view(1, 1, start_, v1::BACKEND_STATE_UP)}).ok());
  v1::ExplainRequest other = request(start_);
  other.set_node("edge-2");
  v1::ExplainRequest unknown = request(start_);
  unknown.set_node("edge-9");

  EXPECT_EQ(ask(request(start_ - absl::Seconds(1))).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(ask(other).status().message()),
              HasSubstr("nothing is kept of node edge-2"));
  EXPECT_THAT(std::string(ask(unknown).status().message()), HasSubstr("there is no node edge-9"));
}

TEST_F(ExplainAtTest, ViewsAreBroughtFromTheNodes) {
  one_.set_views({view(1, 1, start_, v1::BACKEND_STATE_UP)});
  Archivist archivist(*archive_, *fleet_, *events_, kKept);

  EXPECT_TRUE(eventually([this] { return ask(request(start_)).ok(); }));
}

TEST_F(ExplainAtTest, WhatPassesItsTimeOnANodeIsAnEvent) {
  one_.set_views({view(1, 1, start_, v1::BACKEND_STATE_UP),
                  view(2, 1, start_ + absl::Seconds(10), v1::BACKEND_STATE_EXPIRED)});
  const auto expired = [this] {
    v1::ListEventsRequest request;
    request.set_kind("expired");
    return *events_->list(request);
  };
  {
    Archivist archivist(*archive_, *fleet_, *events_, kKept);
    ASSERT_TRUE(eventually([&] { return !expired().empty(); }));
    ASSERT_TRUE(eventually([this] { return archive_->position_of("edge-1")->view == 2; }));
  }
  one_.set_views({view(3, 1, start_ + absl::Seconds(20), v1::BACKEND_STATE_EXPIRED)});
  Archivist restarted(*archive_, *fleet_, *events_, kKept);
  ASSERT_TRUE(eventually([this] { return archive_->position_of("edge-1")->view == 3; }));

  const std::vector<v1::Event> events = expired();
  ASSERT_EQ(events.size(), 1U) << "it is told once, also by a controller that restarted";
  EXPECT_EQ(events[0].target(), "pool/blue");
  EXPECT_EQ(events[0].actor(), "node/edge-1");
}

TEST_F(ExplainAtTest, WhatNewFlowsAreKeptFromOnANodeIsAnEvent) {
  v1::ViewRecord refusing = changes(2, 1, start_ + absl::Seconds(10));
  refusing.set_can_record(false);
  one_.set_views({view(1, 1, start_, v1::BACKEND_STATE_UP), refusing});
  Archivist archivist(*archive_, *fleet_, *events_, kKept);
  v1::ListEventsRequest request;
  request.set_kind("audit.refusing");

  ASSERT_TRUE(eventually([&] { return !events_->list(request)->empty(); }));

  EXPECT_EQ(events_->list(request)->front().target(), "node/edge-1");
}

TEST_F(ExplainAtTest, WhatIsWrongWithTheQuestionIsSaid) {
  ASSERT_TRUE(archive_->add_views({view(1, 1, start_, v1::BACKEND_STATE_UP)}).ok());
  v1::ExplainRequest wrong = request(start_);
  wrong.set_client_address("nowhere");

  EXPECT_EQ(ask(wrong).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sluice::controlplane

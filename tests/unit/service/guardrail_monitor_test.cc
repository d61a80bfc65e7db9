// SPDX-License-Identifier: Apache-2.0
//
// Monitoring guardrails: whose records they mark, what is counted, which events tell of it.
#include "controlplane/service/guardrail_monitor.h"

#include <gtest/gtest.h>

#include "controlplane/service/control_service.h"
#include "gmock/gmock.h"
#include "tests/unit/service/change_fixture.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kEverybodyToTheEu[] =
    "kind: Guardrail\nmetadata: {name: residency}\n"
    "spec: {mode: monitor, require: {match_labels: {jurisdiction: eu}}}\n";

v1::FlowRecord record_of(uint64_t sequence, uint64_t revision, const std::string& pool) {
  v1::FlowRecord record;
  record.set_node("edge-1");
  record.set_incarnation("one");
  record.set_sequence(sequence);
  record.set_flow_id(sequence);
  record.set_part(1);
  record.set_service("chat");
  record.set_client_class("unknown");
  record.set_pool(pool);
  record.set_revision(revision);
  record.mutable_start_time()->set_seconds(static_cast<int64_t>(1000 + sequence));
  return record;
}

class GuardrailMonitorTest : public ChangeFixture {
 protected:
  void SetUp() override {
    ChangeFixture::SetUp();
    apply(kPolicy);            // revision 1
    apply(kEverybodyToTheEu);  // revision 2
    restart();
  }
  void restart() {
    events_ = std::make_unique<EventLog>(store_->shared());
    monitor_ = std::make_unique<GuardrailMonitor>(*store_, *events_);
  }
  std::vector<std::string> marks(uint64_t revision, const std::string& pool) {
    v1::FlowRecord record = record_of(1, revision, pool);
    const absl::Status status = monitor_->mark(record);
    EXPECT_TRUE(status.ok()) << status;
    return {record.would_refuse().begin(), record.would_refuse().end()};
  }
  std::vector<v1::Event> told() {
    v1::ListEventsRequest request;
    request.set_kind("would-refuse");
    return *events_->list(request);
  }

  std::unique_ptr<EventLog> events_;
  std::unique_ptr<GuardrailMonitor> monitor_;
};

TEST_F(GuardrailMonitorTest, FlowIsJudgedByTheRevisionOfItsBegin) {
  EXPECT_THAT(marks(2, "green"), ElementsAre("residency"));
  EXPECT_THAT(marks(2, "blue"), IsEmpty());
  EXPECT_THAT(marks(1, "green"), IsEmpty());   // nothing monitored then
  EXPECT_THAT(marks(99, "green"), IsEmpty());  // no such revision
}

TEST_F(GuardrailMonitorTest, FirstFlowOfEachRevisionIsAnEvent) {
  marks(2, "blue");
  EXPECT_THAT(told(), IsEmpty());
  marks(2, "green");
  marks(2, "green");
  ASSERT_THAT(told(), SizeIs(1));

  apply(pool_yaml("red"));
  marks(3, "green");
  marks(2, "green");

  const std::vector<v1::Event> events = told();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].target(), "guardrail/residency");
  EXPECT_EQ(events[0].revision(), 2U);
  EXPECT_EQ(events[0].actor(), "controller");
  EXPECT_EQ(events[0].reason(),
            "the first flow under revision 2 that Guardrail/residency would have refused: class "
            "unknown to pool green of service chat");
  EXPECT_EQ(events[0].details().at("node"), "edge-1");
  EXPECT_EQ(events[1].revision(), 3U);
}

TEST_F(GuardrailMonitorTest, EventIsNotRepeatedByAnotherStartOfTheController) {
  marks(2, "green");

  restart();
  marks(2, "green");

  EXPECT_THAT(told(), SizeIs(1));
}

TEST_F(GuardrailMonitorTest, RevisionsBeyondThoseKeptAreReadAgain) {
  for (uint64_t i = 0; i <= GuardrailMonitor::kRevisionsKept; ++i)
    apply(pool_yaml("pool-" + std::to_string(i)));
  for (uint64_t revision = 1; revision <= changes_->running()->revision; ++revision)
    EXPECT_EQ(marks(revision, "green").size(), revision == 1 ? 0U : 1U);

  EXPECT_THAT(marks(2, "green"), ElementsAre("residency"));
  EXPECT_THAT(told(), SizeIs(changes_->running()->revision - 1));
}

TEST_F(GuardrailMonitorTest, DamagedPolicyLeavesRecordsUnmarked) {
  {
    const absl::MutexLock lock(&store_->shared()->mutex);
    ASSERT_TRUE(store_->shared()
                    ->database.execute("UPDATE revision SET policy = x'00' WHERE number = 2")
                    .ok());
  }
  EXPECT_THAT(marks(2, "green"), IsEmpty());
}

TEST_F(GuardrailMonitorTest, NodesRecordsAreMarkedCountedAndShown) {
  FleetOptions options;
  options.nodes = {{"edge-1", one_.address()}};
  options.interval = absl::Milliseconds(20);
  options.mark_record = [this](v1::FlowRecord& record) { return monitor_->mark(record); };
  rollouts_.reset();
  fleet_.reset();
  changes_.reset();
  const std::unique_ptr<Fleet> fleet = *Fleet::make(options, *records_);
  ChangeService changes(*store_->load(), *store_, *fleet);
  fleet->aim(changes.running()->table);
  fleet->start();

  one_.add_records({record_of(1, 2, "green"), record_of(2, 2, "blue"), record_of(3, 2, "green")});
  ASSERT_TRUE(eventually([this] { return one_.acknowledged() == 3; }));

  v1::QueryRecordsRequest request;
  request.set_would_refuse("residency");
  EXPECT_EQ(records_->query(request)->records_size(), 2);
  EXPECT_EQ(records_->would_refuse(2)->at(0).flows(), 2U);
  fleet->stop();
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The fleet against nodes that refuse, leave, return and lie about their name.
#include "controlplane/fleet/fleet.h"

#include <gtest/gtest.h>

#include <atomic>

#include "gmock/gmock.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_dataplane.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::eventually;
using testing::FakeDataplane;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::TemporaryDirectory;

Target table_of(uint64_t generation) {
  v1::ForwardingTable table;
  table.set_generation(generation);
  table.set_revision(generation);
  v1::PoolEntry& pool = *table.add_pools();
  pool.set_name("pool");
  pool.set_table_slots(static_cast<uint32_t>(generation));
  return std::make_shared<const dataplane::CanonicalTable>(std::move(table));
}

class FleetTest : public ::testing::Test {
 protected:
  void start(const Target& running) {
    FleetOptions options;
    options.nodes = {{"edge-1", one_.address()}, {"edge-2", two_.address()}};
    options.interval = absl::Milliseconds(20);
    options.timeouts = {absl::Seconds(5), absl::Seconds(5), absl::Seconds(5)};
    auto fleet = Fleet::make(options, *records_);
    ASSERT_TRUE(fleet.ok()) << fleet.status();
    fleet_ = *std::move(fleet);
    fleet_->aim(running);
    fleet_->start();
  }
  void wait_until_connected() {
    EXPECT_TRUE(eventually([this] { return entry(0).connected() && entry(1).connected(); }));
  }
  v1::NodeEntry entry(size_t index) const { return fleet_->nodes()[index]; }

  // Stages and commits.
  std::vector<v1::NodeResult> push(uint64_t generation) {
    absl::StatusOr<StagedTable> staged = fleet_->stage(table_of(generation));
    EXPECT_TRUE(staged.ok()) << staged.status();
    return staged.ok() ? staged->commit() : std::vector<v1::NodeResult>();
  }

  TemporaryDirectory directory_;
  FakeDataplane one_{"edge-1", directory_.path("one.sock")};
  FakeDataplane two_{"edge-2", directory_.path("two.sock")};
  std::unique_ptr<RecordStore> records_ = *RecordStore::open(directory_.path("audit"));
  std::unique_ptr<Fleet> fleet_;
};

TEST_F(FleetTest, NodesAreBroughtToTheTableTheControllerStartsWith) {
  start(table_of(7));

  EXPECT_TRUE(eventually([this] { return one_.running().generation() == 7; }));
  EXPECT_TRUE(eventually([this] { return two_.running().generation() == 7; }));
  EXPECT_TRUE(eventually([this] { return entry(0).status().generation() == 7; }));
  EXPECT_EQ(entry(0).target_generation(), 7U);
}

TEST_F(FleetTest, NothingIsPushedBeforeThereIsATable) {
  start({});
  wait_until_connected();

  EXPECT_THAT(one_.calls(), ElementsAre());
}

TEST_F(FleetTest, SecondPushSendsOnlyWhatDiffers) {
  start({});
  wait_until_connected();

  const std::vector<v1::NodeResult> first = push(1);
  const std::vector<v1::NodeResult> second = push(2);

  ASSERT_EQ(second.size(), 2U);
  EXPECT_TRUE(first[0].committed());
  EXPECT_TRUE(second[1].committed());
  EXPECT_EQ(second[1].node(), "edge-2");
  EXPECT_EQ(one_.running().pools(0).table_slots(), 2U);
  EXPECT_EQ(entry(0).status().generation(), 2U);
  EXPECT_THAT(one_.calls(), ElementsAre("stage 1 full", "commit 1", "stage 2 delta", "commit 2"));
}

TEST_F(FleetTest, OneRefusalTakesTheTableBackEverywhere) {
  start({});
  wait_until_connected();
  push(1);
  two_.refuse_stages("pool chat is not eligible");

  const absl::Status status = fleet_->stage(table_of(2)).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("node edge-2 refused: pool chat is not eligible"));
  EXPECT_THAT(one_.calls(), Contains("abort"));
  EXPECT_THAT(one_.calls(), Not(Contains("commit 2")));
  EXPECT_EQ(one_.staged_generation(), 0U);
  EXPECT_EQ(one_.running().generation(), 1U);
}

TEST_F(FleetTest, RefusalOfAnyLengthArrivesWhole) {
  start({});
  wait_until_connected();
  const std::string reason(100'000, 'x');
  two_.refuse_stages(reason);

  EXPECT_THAT(std::string(fleet_->stage(table_of(2)).status().message()), HasSubstr(reason));
}

TEST_F(FleetTest, StagedTableThatIsDroppedIsTakenBack) {
  start({});
  wait_until_connected();

  { const absl::StatusOr<StagedTable> staged = fleet_->stage(table_of(1)); }

  EXPECT_EQ(one_.staged_generation(), 0U);
  EXPECT_THAT(two_.calls(), ElementsAre("stage 1 full", "abort"));
}

TEST_F(FleetTest, OrderGoesPastANodeThatHangs) {
  start({});
  wait_until_connected();
  push(1);
  two_.hold_statuses();

  const absl::Time begin = absl::Now();
  fleet_->order(table_of(2));
  const std::vector<v1::NodeResult> results = fleet_->results(begin + absl::Seconds(1));
  const absl::Duration taken = absl::Now() - begin;
  const uint64_t healthy = one_.running().generation();
  two_.release_statuses();

  EXPECT_EQ(healthy, 2U);
  EXPECT_TRUE(results[0].committed());
  EXPECT_FALSE(results[1].committed());
  EXPECT_EQ(results[1].message(), "no answer yet");
  EXPECT_LT(taken, absl::Seconds(4)) << "a look at a node takes up to 5 s here";
  EXPECT_TRUE(eventually([this] { return two_.running().generation() == 2; }));
}

TEST_F(FleetTest, OrderGoesPastANodeThatRefusesAndTellsOfItOnce) {
  std::atomic<int> refusals = 0;
  FleetOptions options;
  options.nodes = {{"edge-1", one_.address()}, {"edge-2", two_.address()}};
  options.interval = absl::Milliseconds(20);
  fleet_ = *Fleet::make(options, *records_);
  fleet_->call_when_refused(
      [&refusals](const std::string& node, uint64_t generation, const std::string& reason) {
        refusals += node == "edge-2" && generation == 1 && reason == "no memory" ? 1 : 100;
      });
  fleet_->start();
  wait_until_connected();
  two_.refuse_stages("no memory");

  fleet_->order(table_of(1));
  const std::vector<v1::NodeResult> results = fleet_->results(absl::Now() + absl::Seconds(5));
  fleet_->ask_nodes(absl::Now() + absl::Seconds(5));

  EXPECT_TRUE(results[0].committed());
  EXPECT_FALSE(results[1].committed());
  EXPECT_EQ(results[1].message(), "no memory");
  EXPECT_EQ(one_.running().generation(), 1U);
  EXPECT_EQ(refusals, 1);
}

TEST_F(FleetTest, NodeThatIsAwayIsNamedAndCatchesUp) {
  start({});
  wait_until_connected();
  push(1);
  two_.leave();

  const std::vector<v1::NodeResult> results = push(2);
  const bool seen_away = eventually([this] { return !entry(1).connected(); });
  two_.come_back();

  ASSERT_EQ(results.size(), 2U);
  EXPECT_TRUE(results[0].committed());
  EXPECT_FALSE(results[1].committed());
  EXPECT_FALSE(results[1].message().empty());
  EXPECT_TRUE(seen_away);
  EXPECT_TRUE(eventually([this] { return two_.running().generation() == 2; }));
  EXPECT_TRUE(eventually([this] { return entry(1).error().empty(); }));
}

TEST_F(FleetTest, NodeWithAnotherTableIsSentEverything) {
  two_.leave();
  start({});
  for (uint64_t generation = 1; generation <= 6; ++generation)
    push(generation);
  two_.come_back();

  EXPECT_TRUE(eventually([this] { return two_.running().generation() == 6; }));
  EXPECT_THAT(two_.calls(), ElementsAre("stage 6 full", "commit 6"));
}

TEST_F(FleetTest, NodeThatRefusesToCatchUpIsNotAskedEverySecond) {
  one_.refuse_stages("too many backends");
  start(table_of(3));

  EXPECT_TRUE(eventually([this] { return entry(0).error() == "too many backends"; }));
  EXPECT_TRUE(eventually([this] { return entry(1).status().generation() == 3; }));
  EXPECT_THAT(one_.calls(), ElementsAre("stage 3 full"));
}

TEST_F(FleetTest, NodeOfAnotherNameIsRefusedAndGetsNothing) {
  FakeDataplane stranger("edge-9", directory_.path("nine.sock"));
  FleetOptions options;
  options.nodes = {{"edge-1", stranger.address()}};
  options.interval = absl::Milliseconds(20);
  fleet_ = *Fleet::make(options, *records_);
  fleet_->aim(table_of(1));
  fleet_->start();

  EXPECT_TRUE(eventually([this] { return entry(0).error().find("edge-9") != std::string::npos; }));
  const std::vector<v1::NodeResult> results = push(2);

  EXPECT_FALSE(entry(0).connected());
  EXPECT_THAT(entry(0).error(), HasSubstr("is named edge-9, not edge-1"));
  EXPECT_FALSE(results[0].committed());
  EXPECT_THAT(stranger.calls(), ElementsAre());
}

std::vector<v1::FlowRecord> records(uint64_t first, uint64_t last) {
  std::vector<v1::FlowRecord> result;
  for (uint64_t sequence = first; sequence <= last; ++sequence) {
    v1::FlowRecord& record = result.emplace_back();
    record.set_node("edge-1");
    record.set_incarnation("one");
    record.set_sequence(sequence);
    record.mutable_start_time()->set_seconds(static_cast<int64_t>(sequence));
  }
  return result;
}

TEST_F(FleetTest, RecordsAreStoredThenAcknowledged) {
  one_.add_records(records(1, 7));
  start({});

  EXPECT_TRUE(eventually([this] { return one_.acknowledged() == 7; }));
  EXPECT_EQ(records_->query({})->records_size(), 7);
}

TEST_F(FleetTest, RecordsThatCannotBeMarkedAreAskedForAgain) {
  fleet_.reset();
  const auto failures = std::make_shared<std::atomic<int>>(2);
  FleetOptions options;
  options.nodes = {{"edge-1", one_.address()}};
  options.interval = absl::Milliseconds(20);
  options.mark_record = [failures](v1::FlowRecord& record) {
    if (record.sequence() == 3 && failures->fetch_sub(1) > 0)
      return absl::UnavailableError("the disk is full");
    record.add_would_refuse("residency");
    return absl::OkStatus();
  };
  fleet_ = *Fleet::make(options, *records_);
  fleet_->start();
  one_.add_records(records(1, 5));

  ASSERT_TRUE(eventually([this] { return one_.acknowledged() == 5; }));

  v1::QueryRecordsRequest request;
  request.set_would_refuse("residency");
  EXPECT_EQ(records_->query(request)->records_size(), 5);
  EXPECT_LE(failures->load(), 0);
  fleet_.reset();
}

TEST_F(FleetTest, RecordsSentAgainAfterAReconnectAreThereOnce) {
  one_.add_records(records(1, 7));
  start({});
  EXPECT_TRUE(eventually([this] { return one_.acknowledged() == 7; }));

  one_.leave();
  one_.forget_acknowledgements();
  one_.add_records(records(8, 10));
  one_.come_back();

  EXPECT_TRUE(eventually([this] { return one_.acknowledged() == 10; }));
  EXPECT_EQ(records_->query({})->records_size(), 10);
}

TEST_F(FleetTest, QuestionsGoToTheNamedNodeElseToOneThatAnswers) {
  start({});
  wait_until_connected();
  v1::ExplainRequest named;
  named.set_node("edge-2");
  v1::ExplainRequest unknown;
  unknown.set_node("edge-7");

  EXPECT_EQ(fleet_->explain(named)->node(), "edge-2");
  EXPECT_EQ(fleet_->explain({})->node(), "edge-1");
  EXPECT_EQ(fleet_->explain(unknown).status().code(), absl::StatusCode::kNotFound);
  one_.leave();
  EXPECT_TRUE(eventually([this] { return fleet_->explain({})->node() == "edge-2"; }));
  two_.leave();
  EXPECT_TRUE(eventually(
      [this] { return fleet_->flows({}).status().code() == absl::StatusCode::kUnavailable; }));
}

TEST_F(FleetTest, CountersNameTheNodesThatDoNotAnswer) {
  two_.leave();
  start({});
  EXPECT_TRUE(eventually([this] { return entry(0).connected(); }));

  const v1::ListCountersResponse counters = fleet_->counters();

  ASSERT_EQ(counters.nodes_size(), 1);
  EXPECT_EQ(counters.nodes(0).node(), "edge-1");
  EXPECT_THAT(counters.unreachable(), ElementsAre("edge-2"));
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What is published when, and what a failure leaves behind.
#include "dataplane/daemon/forwarding.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "dataplane/daemon/stager.h"
#include "tests/unit/dataplane_daemon/fake_fabric.h"
#include "tests/unit/dataplane_daemon/scratch_directory.h"
#include "tests/unit/dataplane_daemon/small_table.h"

namespace sluice::dataplane {
namespace {

using Steps = std::vector<std::string>;

const std::vector<SmallBackend> kTwo = {{"a", "10.77.1.11"}, {"b", "10.77.1.12"}};

struct World {
  ScratchDirectory directory;
  Steps steps;
  int64_t now_unix_ms = 1'800'000'000'000;  // a Friday
  FakeCores cores{steps};
  FakeLinks links{steps};
  TableStore store{directory.path()};
  Registry registry;
  std::vector<ProbeTarget> targets;
  std::map<BackendIdentity, Health> last_known;
  Forwarding forwarding{cores, links, store,
                        [this](auto wanted, const auto& known) {
                          targets = std::move(wanted);
                          last_known = known;
                        },
                        [this] { return now_unix_ms; }};

  absl::Status push(v1::ForwardingTable table) {
    const auto state = forwarding.state();
    auto ready = make_ready(std::move(table),
                            state->snapshot ? state->snapshot->table.get() : nullptr, registry);
    if (!ready.ok()) return ready.status();
    return forwarding.switch_to(*ready, Durability::kSave);
  }
  uint64_t saved_generation() {
    std::vector<std::string> complaints;
    const auto table = store.load_table(complaints);
    return table ? table->generation() : 0;
  }
  void probed(const std::string& name, const std::string& address, Health health) {
    forwarding.on_health({{"chat-v1", name, *IpAddress::parse(address)}, health, "because"});
    forwarding.tick();
  }
  v1::BackendStatus status_of(const std::string& name) const {
    for (const v1::BackendStatus& status : forwarding.state()->backends) {
      if (status.backend() == name) return status;
    }
    return {};
  }
};

TEST(Forwarding, SwitchSavesThenPublishes) {
  World world;

  ASSERT_TRUE(world.push(small_table(1, kTwo)).ok());

  EXPECT_EQ(world.steps, (Steps{"steer 1", "publish", "steer 1"}));
  EXPECT_EQ(world.saved_generation(), 1u);
  EXPECT_EQ(world.forwarding.state()->pushed->generation(), 1u);
  EXPECT_EQ(world.forwarding.state()->view, 1u);
  EXPECT_EQ(world.links.watched.size(), 2u);
  EXPECT_EQ(world.status_of("a").state(), v1::BACKEND_STATE_UP) << "no health check";
}

TEST(Forwarding, FullSteeringMapChangesNothing) {
  World world;
  ASSERT_TRUE(world.push(small_table(1, kTwo)).ok());
  world.links.next_steer = absl::ResourceExhaustedError("map full");

  EXPECT_EQ(world.push(small_table(2, kTwo)).code(), absl::StatusCode::kResourceExhausted);

  EXPECT_EQ(world.forwarding.state()->pushed->generation(), 1u);
  EXPECT_EQ(world.saved_generation(), 1u);
}

TEST(Forwarding, FullDiskChangesNothing) {
  World world;
  ASSERT_TRUE(world.push(small_table(1, kTwo)).ok());
  std::filesystem::create_directory(world.store.table_path() + ".new");
  v1::ForwardingTable next = small_table(2, kTwo);
  next.mutable_services(0)->add_ports()->set_protocol(17);

  EXPECT_EQ(world.push(next).code(), absl::StatusCode::kInternal);

  EXPECT_EQ(world.forwarding.state()->pushed->generation(), 1u);
  EXPECT_EQ(world.links.steered.size(), 1u) << "the old endpoints are back";
  EXPECT_EQ(world.saved_generation(), 1u);
}

TEST(Forwarding, StuckLcoreIsToldAndTriedAgain) {
  World world;
  world.cores.next_publish = absl::UnavailableError("lcore 3 did not come round");

  EXPECT_EQ(world.push(small_table(1, kTwo)).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(world.forwarding.state()->pushed->generation(), 1u);

  world.cores.next_publish = absl::OkStatus();
  world.steps.clear();
  world.forwarding.tick();
  world.forwarding.tick();
  EXPECT_EQ(world.steps, Steps{"publish"});
}

TEST(Forwarding, CheckedBackendIsDownUntilProbed) {
  World world;
  v1::ForwardingTable table = small_table(1, kTwo);
  add_health(table);

  ASSERT_TRUE(world.push(table).ok());
  EXPECT_EQ(world.targets.size(), 2u);
  EXPECT_EQ(world.status_of("a").state(), v1::BACKEND_STATE_DOWN);
  EXPECT_EQ(world.status_of("a").reason(), "not probed yet");

  world.probed("a", "10.77.1.11", Health::kUp);
  EXPECT_EQ(world.status_of("a").state(), v1::BACKEND_STATE_UP);
  EXPECT_EQ(world.forwarding.state()->view, 2u);
  EXPECT_EQ(world.cores.published->view, 2u);
}

TEST(Forwarding, EveryGenerationIsANewViewSoThatItsPastCanBeTold) {
  World world;
  ASSERT_TRUE(world.push(small_table(1, kTwo)).ok());
  ASSERT_TRUE(world.push(small_table(2, kTwo)).ok());

  const std::vector<v1::ViewRecord> views = world.forwarding.views().list(0);
  ASSERT_EQ(views.size(), 2u) << "another table, the same states";
  EXPECT_EQ(views[0].generation(), 1u);
  EXPECT_EQ(views[1].generation(), 2u);
  EXPECT_EQ(views[1].view(), 2u);
  EXPECT_EQ(world.cores.published->view, 2u);
}

TEST(Forwarding, ViewRisesOnlyWithStates) {
  World world;
  ASSERT_TRUE(world.push(small_table(2, kTwo)).ok());

  world.links.has_moved = true;
  world.links.mtu = 1400;
  world.steps.clear();
  world.forwarding.tick();
  EXPECT_EQ(world.steps, Steps{"publish"}) << "a next hop is no state";
  EXPECT_EQ(world.forwarding.state()->view, 1u);

  v1::ForwardingTable drained = small_table(3, kTwo);
  add_override(drained, "b", v1::Override::STATE_DRAINING);
  ASSERT_TRUE(world.push(drained).ok());
  EXPECT_EQ(world.forwarding.state()->view, 2u);
  EXPECT_EQ(world.status_of("b").state(), v1::BACKEND_STATE_DRAINING);
}

TEST(Forwarding, NothingNewIsNotPublished) {
  World world;
  world.forwarding.tick();
  ASSERT_TRUE(world.push(small_table(1, kTwo)).ok());
  world.steps.clear();

  world.forwarding.tick();

  EXPECT_TRUE(world.steps.empty());
}

TEST(Forwarding, PastEligibleUntilIsANewView) {
  World world;
  v1::ForwardingTable table = small_table(1, kTwo);
  table.mutable_pools(0)->mutable_eligible_until()->set_seconds(world.now_unix_ms / 1000 + 1);
  ASSERT_TRUE(world.push(table).ok());
  ASSERT_TRUE(world.cores.published->serving[0].new_flows);

  world.now_unix_ms += 999;
  world.forwarding.tick();
  EXPECT_EQ(world.forwarding.state()->view, 1u);
  world.now_unix_ms += 1;
  world.forwarding.tick();

  EXPECT_EQ(world.forwarding.state()->view, 2u);
  EXPECT_FALSE(world.cores.published->serving[0].new_flows);
  EXPECT_EQ(world.status_of("a").state(), v1::BACKEND_STATE_EXPIRED);
  EXPECT_EQ(world.status_of("a").reason(), "it is past eligible_until");
}

TEST(Forwarding, ABackendPastItsOwnTimeIsANewView) {
  World world;
  v1::ForwardingTable table = small_table(1, kTwo);
  table.mutable_pools(0)->mutable_backends(1)->mutable_eligible_until()->set_seconds(
      world.now_unix_ms / 1000 + 1);
  ASSERT_TRUE(world.push(table).ok());
  world.now_unix_ms += 1000;
  world.forwarding.tick();

  EXPECT_EQ(world.forwarding.state()->view, 2u);
  EXPECT_TRUE(world.cores.published->serving[0].new_flows);
  EXPECT_EQ(world.status_of("a").state(), v1::BACKEND_STATE_UP);
  EXPECT_EQ(world.status_of("b").state(), v1::BACKEND_STATE_EXPIRED);
}

TEST(Forwarding, AClockThatJumpsBackBringsNothingExpiredBack) {
  World world;
  v1::ForwardingTable table = small_table(1, kTwo);
  auto& until = *table.mutable_pools(0)->mutable_eligible_until();
  until.set_seconds(world.now_unix_ms / 1000 + 1);
  ASSERT_TRUE(world.push(table).ok());
  world.now_unix_ms += 1000;
  world.forwarding.tick();
  ASSERT_FALSE(world.cores.published->serving[0].new_flows);

  world.now_unix_ms -= 3'600'000;
  world.forwarding.tick();
  EXPECT_FALSE(world.cores.published->serving[0].new_flows);
  table.set_generation(2);
  ASSERT_TRUE(world.push(table).ok());
  EXPECT_FALSE(world.cores.published->serving[0].new_flows) << "the same time in another table";

  table.set_generation(3);
  until.set_seconds(until.seconds() + 1);
  ASSERT_TRUE(world.push(table).ok());
  EXPECT_TRUE(world.cores.published->serving[0].new_flows) << "another time";
}

TEST(Forwarding, AClockSetBackBetweenTwoRunsBringsNothingExpiredBack) {
  v1::ForwardingTable table = small_table(1, kTwo);
  World before;
  table.mutable_pools(0)->mutable_eligible_until()->set_seconds(before.now_unix_ms / 1000);
  ASSERT_TRUE(before.push(table).ok());
  before.forwarding.save_health();
  std::vector<std::string> complaints;
  World after;
  after.now_unix_ms -= 3'600'000;

  after.forwarding.resume(*before.store.load_health(complaints));
  ASSERT_TRUE(after.push(table).ok());

  EXPECT_EQ(after.status_of("a").state(), v1::BACKEND_STATE_EXPIRED);
  EXPECT_FALSE(after.cores.published->serving[0].new_flows);
}

TEST(Forwarding, TheTimeOfAConditionalRouteIsANewView) {
  World world;
  v1::ForwardingTable table = small_table(1, kTwo);
  const uint32_t now = minute_of_week(world.now_unix_ms);
  v1::WeekMinutes& span = *table.mutable_routes(0)->add_times();
  span.set_begin(now + 1);
  span.set_end(now + 2);
  v1::SteeringEntry& row = *table.mutable_steering(0);
  row.add_conditional_routes(row.route());
  row.clear_route();
  ASSERT_TRUE(world.push(table).ok());
  EXPECT_EQ(world.cores.published->in_time[0], 0);

  world.now_unix_ms += 60'000;
  world.forwarding.tick();
  EXPECT_EQ(world.cores.published->in_time[0], 1);
  EXPECT_EQ(world.forwarding.state()->view, 2u);
  world.now_unix_ms += 60'000;
  world.forwarding.tick();
  EXPECT_EQ(world.cores.published->in_time[0], 0);
  EXPECT_EQ(world.forwarding.state()->view, 3u);

  world.now_unix_ms -= 60'000;
  world.forwarding.tick();
  EXPECT_EQ(world.cores.published->in_time[0], 1) << "the clock was set back";
  world.steps.clear();
  world.forwarding.tick();
  EXPECT_TRUE(world.steps.empty());
}

TEST(Forwarding, ANodeThatLosesRecordsSaysSoInItsView) {
  World world;
  v1::ForwardingTable table = small_table(1, kTwo);
  table.mutable_steering(0)->set_audit_fail_closed(true);
  ASSERT_TRUE(world.push(table).ok());
  world.forwarding.on_recording(false);
  world.forwarding.tick();
  EXPECT_FALSE(world.cores.published->can_record);
  EXPECT_EQ(world.forwarding.state()->view, 2u);
  EXPECT_FALSE(world.forwarding.views().list(1).at(0).can_record());

  world.forwarding.on_recording(true);
  world.forwarding.tick();
  EXPECT_TRUE(world.cores.published->can_record);
  EXPECT_EQ(world.forwarding.state()->view, 3u);
  EXPECT_TRUE(world.forwarding.views().list(2).at(0).can_record());
}

TEST(Forwarding, LostRecordsAreNoNewViewWhereNothingMustBeRecorded) {
  World world;
  ASSERT_TRUE(world.push(small_table(1, kTwo)).ok());

  world.forwarding.on_recording(false);
  world.forwarding.tick();

  EXPECT_EQ(world.forwarding.state()->view, 1u);
}

TEST(Forwarding, APoolThatBecomesDegradedIsANewView) {
  World world;
  v1::ForwardingTable table = small_table(1, kTwo);
  v1::OnDegraded& bound = *table.mutable_routes(0)->mutable_on_degraded();
  bound.set_action(v1::OnDegraded::ACTION_FALLBACK);
  bound.mutable_window()->set_seconds(30);
  bound.set_min_flows(50);
  bound.set_slower_by(100);
  ASSERT_TRUE(world.push(table).ok());
  world.forwarding.on_degraded({{table.routes(0).name(), "chat-v1"}});
  world.forwarding.tick();
  EXPECT_EQ(world.forwarding.state()->view, 2u);
  EXPECT_TRUE(world.cores.published->is_degraded(RouteIndex{0}, PoolIndex{0}));
  const v1::ViewRecord degraded = world.forwarding.views().list(1).at(0);
  ASSERT_EQ(degraded.degraded_size(), 1);
  EXPECT_EQ(degraded.degraded(0).route(), table.routes(0).name());
  EXPECT_EQ(degraded.degraded(0).pool(), "chat-v1");
  EXPECT_TRUE(degraded.degraded(0).is_degraded());

  world.forwarding.on_degraded({});
  world.forwarding.tick();
  EXPECT_EQ(world.forwarding.state()->view, 3u);
  EXPECT_FALSE(world.cores.published->is_degraded(RouteIndex{0}, PoolIndex{0}));
  EXPECT_FALSE(world.forwarding.views().list(2).at(0).degraded(0).is_degraded());
}

TEST(Forwarding, HealthAndViewSurviveARestart) {
  v1::ForwardingTable table = small_table(1, kTwo);
  add_health(table);
  World before;
  ASSERT_TRUE(before.push(table).ok());
  before.probed("a", "10.77.1.11", Health::kUp);
  before.probed("b", "10.77.1.12", Health::kDown);
  before.forwarding.save_health();
  std::vector<std::string> complaints;
  World after;

  after.forwarding.resume(*before.store.load_health(complaints));
  ASSERT_TRUE(after.push(table).ok());

  EXPECT_EQ(after.status_of("a").state(), v1::BACKEND_STATE_UP);
  EXPECT_EQ(after.status_of("b").state(), v1::BACKEND_STATE_DOWN);
  EXPECT_GT(after.forwarding.state()->view, before.forwarding.state()->view);
  const BackendIdentity a{"chat-v1", "a", *IpAddress::parse("10.77.1.11")};
  EXPECT_EQ(after.last_known.at(a), Health::kUp);
}

TEST(Forwarding, UnchangedBackendKeepsItsHealthThroughATable) {
  World world;
  v1::ForwardingTable table = small_table(1, kTwo);
  add_health(table);
  ASSERT_TRUE(world.push(table).ok());
  world.probed("a", "10.77.1.11", Health::kUp);
  v1::ForwardingTable next = small_table(2, {{"a", "10.77.1.11"}, {"c", "10.77.1.13"}});
  add_health(next);

  ASSERT_TRUE(world.push(next).ok());

  EXPECT_EQ(world.status_of("a").state(), v1::BACKEND_STATE_UP);
  EXPECT_EQ(world.status_of("c").state(), v1::BACKEND_STATE_DOWN);
}

TEST(Conditions, DownBeatsDraining) {
  World world;
  v1::ForwardingTable table = small_table(1, kTwo);
  add_health(table);
  add_override(table, "", v1::Override::STATE_DRAINING);
  ASSERT_TRUE(world.push(table).ok());
  EXPECT_EQ(world.status_of("a").state(), v1::BACKEND_STATE_DOWN);

  world.probed("a", "10.77.1.11", Health::kUp);

  EXPECT_EQ(world.status_of("a").state(), v1::BACKEND_STATE_DRAINING);
  EXPECT_EQ(world.status_of("a").reason(), "pool chat-v1 is drained");
}

}  // namespace
}  // namespace sluice::dataplane

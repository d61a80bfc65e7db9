// SPDX-License-Identifier: Apache-2.0
//
// A rollout's status on the road to the nodes, and what edits of the policy do to it.
#include <gmock/gmock.h>

#include <thread>

#include "controlplane/rollout/machine.h"
#include "controlplane/service/control_service.h"
#include "controlplane/service/rollout_table.h"
#include "tests/unit/service/change_fixture.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kRollout[] = R"(
kind: Rollout
metadata: {name: v2}
spec: {route: chat, stable: blue, candidate: green, paused: true, steps: [{weight: 10000}]}
)";

std::string route_yaml(int blue) {
  return "kind: Route\nmetadata: {name: chat}\nspec: {service: chat, clients: {}, split: "
         "[{pool: blue, weight: " +
         std::to_string(blue) + "}, {pool: green, weight: 1}]}\n";
}

class SetRollout : public ChangeFixture {
 protected:
  void SetUp() override {
    ChangeFixture::SetUp();
    apply(kPolicy);
    apply(kRollout);
  }

  static v1::RolloutStatus status(v1::RolloutPhase phase, uint32_t weight) {
    v1::RolloutStatus status;
    status.set_rollout("v2");
    status.set_phase(phase);
    status.set_weight(weight);
    return status;
  }
  absl::StatusOr<uint64_t> set(v1::RolloutPhase phase, uint32_t weight) {
    return changes_->set_rollout(status(phase, weight), changes_->running()->revision);
  }
  std::vector<v1::RolloutStatus> rollouts() const { return changes_->running()->rollouts; }
};

TEST_F(SetRollout, IsDurableAndPushedAndTheRevisionStays) {
  const uint64_t generation = changes_->running()->generation;

  const auto set_to = set(v1::ROLLOUT_PHASE_PROGRESSING, 10'000);

  ASSERT_TRUE(set_to.ok()) << set_to.status();
  EXPECT_EQ(*set_to, generation + 1);
  EXPECT_TRUE(stored_is(2, generation + 1));
  EXPECT_EQ(one_.running().generation(), generation + 1);
  EXPECT_EQ(one_.running().revision(), 2u);
  close();
  open();
  ASSERT_THAT(rollouts(), SizeIs(1));
  EXPECT_EQ(rollouts()[0].weight(), 10'000u);
}

TEST_F(SetRollout, GivesWayToARecallAndIsDoneAfterwards) {
  const uint64_t generation = changes_->running()->generation;
  two_.hold_stages();
  absl::StatusOr<uint64_t> set_to;
  std::thread command([&] { set_to = set(v1::ROLLOUT_PHASE_PROGRESSING, 10'000); });
  ASSERT_TRUE(testing::eventually(
      [&] { return two_.calls().back() == "stage " + std::to_string(generation + 1) + " delta"; }));
  v1::SetOverrideRequest request;
  request.mutable_override()->set_pool("green");
  request.mutable_override()->set_state(v1::Override::STATE_RECALLED);
  request.set_message("wrong answers");

  std::thread recall([&] { EXPECT_TRUE(changes_->set_override(request).ok()); });
  const bool is_cut = testing::eventually([this] { return one_.running().overrides_size() == 1; });
  recall.join();
  two_.release_stages();
  command.join();

  EXPECT_TRUE(is_cut);
  ASSERT_TRUE(set_to.ok()) << set_to.status();
  EXPECT_EQ(*set_to, changes_->running()->generation);
  EXPECT_GT(*set_to, generation + 1);
  EXPECT_EQ(rollouts()[0].weight(), 10'000u);
  EXPECT_THAT(changes_->running()->overrides, SizeIs(1));
}

TEST_F(SetRollout, WhatChangesNoTableIsOnlyWrittenDown) {
  ASSERT_TRUE(set(v1::ROLLOUT_PHASE_PROGRESSING, 10'000).ok());
  const uint64_t generation = changes_->running()->generation;

  EXPECT_EQ(*set(v1::ROLLOUT_PHASE_PAUSED, 10'000), generation);

  EXPECT_TRUE(stored_is(2, generation));
  EXPECT_EQ(store_->load()->rollouts[0].phase(), v1::ROLLOUT_PHASE_PAUSED);
}

// Everybody's route is without green, which a guardrail forbids, and blue is rolled out to red.
class StruckRollout : public ChangeFixture {
 protected:
  void SetUp() override {
    ChangeFixture::SetUp();
    v1::ApplyRequest request = apply_of(
        std::string(kPolicy) +
        "---\nkind: Pool\nmetadata: {name: red, labels: {jurisdiction: eu}}\n"
        "spec: {table_slots: 251, backends: [{name: r1, address: 10.0.0.4}]}\n"
        "---\nkind: Guardrail\nmetadata: {name: eu}\n"
        "spec: {require: {match_labels: {jurisdiction: eu}}}\n"
        "---\nkind: Rollout\nmetadata: {name: v2}\n"
        "spec: {route: chat, stable: blue, candidate: red, steps: [{weight: 10000}, {weight: "
        "500000}]}\n");
    request.mutable_change()->set_strike(true);
    const auto applied = changes_->apply(request);
    ASSERT_TRUE(applied.ok()) << applied.status();
    ASSERT_FALSE(changes_->running()->struck.empty());
  }
  absl::Status set(v1::RolloutPhase phase, uint32_t weight) {
    v1::RolloutStatus status;
    status.set_rollout("v2");
    status.set_phase(phase);
    status.set_weight(weight);
    return changes_->set_rollout(status, changes_->running()->revision).status();
  }
  // The one route that clients are steered to.
  v1::RouteEntry steered() {
    wait_for_node();
    const v1::ForwardingTable table = one_.running();
    EXPECT_FALSE(table.steering().empty());
    for (const v1::SteeringEntry& row : table.steering()) {
      EXPECT_EQ(row.route(), "chat/without/green");
      EXPECT_THAT(row.eligible_pools(), ::testing::Not(::testing::Contains("green")));
    }
    for (const v1::RouteEntry& route : table.routes()) {
      if (route.name() == "chat/without/green") return route;
    }
    ADD_FAILURE() << "no route without green";
    return {};
  }
};

TEST_F(StruckRollout, StepsBringNothingBackThatIsStruckAlsoAfterARestart) {
  const size_t struck = changes_->running()->struck.size();
  close();
  open();
  ASSERT_EQ(changes_->running()->struck.size(), struck);

  ASSERT_TRUE(set(v1::ROLLOUT_PHASE_PROGRESSING, 10'000).ok());
  ASSERT_TRUE(set(v1::ROLLOUT_PHASE_PROGRESSING, 500'000).ok());

  const v1::RouteEntry route = steered();
  ASSERT_THAT(route.split(), SizeIs(1));
  EXPECT_EQ(route.split(0).pool(), "blue");
  ASSERT_THAT(route.rollouts(), SizeIs(1));
  EXPECT_EQ(route.rollouts(0).weight(), 500'000u);
  EXPECT_EQ(changes_->running()->struck.size(), struck);
  EXPECT_EQ(store_->load()->struck.size(), struck);
}

TEST_F(StruckRollout, RollbackTakesTheCandidateFromTheStruckRouteToo) {
  ASSERT_TRUE(set(v1::ROLLOUT_PHASE_PROGRESSING, 500'000).ok());

  ASSERT_TRUE(set(v1::ROLLOUT_PHASE_FAILED, 0).ok());

  EXPECT_THAT(steered().rollouts(), IsEmpty());
}

TEST_F(SetRollout, AStatusOfAnOlderRevisionOrADeletedRolloutIsRefused) {
  EXPECT_EQ(changes_->set_rollout(status(v1::ROLLOUT_PHASE_PROGRESSING, 10'000), 1).status().code(),
            absl::StatusCode::kAborted);
  v1::RolloutStatus other = status(v1::ROLLOUT_PHASE_PROGRESSING, 10'000);
  other.set_rollout("v3");
  EXPECT_EQ(changes_->set_rollout(other, 2).status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(rollouts(), IsEmpty());
}

TEST_F(SetRollout, ANodesRefusalChangesNothing) {
  one_.refuse_stages("no");
  const auto refused = set(v1::ROLLOUT_PHASE_PROGRESSING, 10'000);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(rollouts(), IsEmpty());
  EXPECT_THAT(store_->load()->rollouts, IsEmpty());
}

TEST_F(SetRollout, ANodesRefusalKeepsNobodyFromLosingTheCandidate) {
  ASSERT_TRUE(set(v1::ROLLOUT_PHASE_PROGRESSING, 10'000).ok());
  const uint64_t generation = changes_->running()->generation;
  one_.refuse_stages("no");

  const auto aborted = set(v1::ROLLOUT_PHASE_ABORTED, 0);

  ASSERT_TRUE(aborted.ok()) << aborted.status();
  EXPECT_EQ(store_->load()->rollouts[0].weight(), 0U);
  EXPECT_TRUE(testing::eventually([&] { return two_.running().generation() == generation + 1; }));
  EXPECT_EQ(one_.running().generation(), generation);
}

TEST_F(SetRollout, EditingTheSplitOfALiveRolloutIsAConflictAndChangesNothing) {
  ASSERT_TRUE(set(v1::ROLLOUT_PHASE_PROGRESSING, 10'000).ok());

  const auto refused = changes_->apply(apply_of(route_yaml(5)));

  EXPECT_EQ(refused.status().code(), absl::StatusCode::kAborted);
  EXPECT_THAT(std::string(refused.status().message()),
              HasSubstr("Route/chat: its split is divided by Rollout/v2, which is progressing"));
  EXPECT_EQ(changes_->running()->revision, 2u);
  v1::RollbackRequest back;
  back.set_revision(1);
  EXPECT_TRUE(changes_->rollback(back).ok()) << "deleting the rollout is none";
  EXPECT_THAT(rollouts(), IsEmpty());
}

TEST_F(SetRollout, ReapplyingKeepsAFailureAndAnEditStartsAnew) {
  ASSERT_TRUE(set(v1::ROLLOUT_PHASE_FAILED, 0).ok());
  apply(kRollout);
  apply(pool_yaml("red"));
  ASSERT_THAT(rollouts(), SizeIs(1));
  EXPECT_EQ(rollouts()[0].phase(), v1::ROLLOUT_PHASE_FAILED);
  std::string edited = kRollout;
  edited.replace(edited.find("10000"), 5, "20000");
  apply(edited);
  EXPECT_THAT(rollouts(), IsEmpty());
  EXPECT_THAT(store_->load()->rollouts, IsEmpty());
}

TEST(RolloutTable, TakesBackWhatTheCandidateLosesWithoutAPlan) {
  v1::ForwardingTable table;
  v1::RouteEntry& route = *table.add_routes();
  route.set_name("chat");
  route.add_evicted("red");
  for (const char* seed : {"other", "v2"}) {
    v1::RolloutSplit& split = *route.add_rollouts();
    split.set_seed(seed);
    split.set_weight(50'000);
    split.set_observe_age_ms(3000);
  }
  v1::Rollout rollout;
  rollout.mutable_metadata()->set_name("v2");
  rollout.mutable_spec()->set_route("chat");
  rollout.mutable_spec()->set_candidate("green");
  v1::RolloutStatus status;
  status.set_phase(v1::ROLLOUT_PHASE_SUCCEEDED);
  status.set_weight(50'000);

  lower_in_table(rollout, status, table);
  ASSERT_THAT(route.rollouts(), SizeIs(2));
  EXPECT_EQ(route.rollouts(0).observe_age_ms(), 3000u);
  EXPECT_EQ(route.rollouts(1).observe_age_ms(), 0u);
  EXPECT_EQ(route.rollouts(1).weight(), 50'000u);

  status.set_phase(v1::ROLLOUT_PHASE_FAILED);
  status.set_weight(0);
  status.set_is_evicting(true);
  lower_in_table(rollout, status, table);
  ASSERT_THAT(route.rollouts(), SizeIs(1));
  EXPECT_EQ(route.rollouts(0).seed(), "other");
  EXPECT_THAT(route.evicted(), ElementsAre("green", "red"));

  status.set_is_evicting(false);
  lower_in_table(rollout, status, table);
  EXPECT_THAT(route.evicted(), ElementsAre("red"));
}

TEST(RolloutTable, TakesItBackFromARouteWithoutStruckPoolsToo) {
  v1::ForwardingTable table;
  for (const char* name : {"chat", "chat/without/red", "chat2"}) {
    v1::RouteEntry& route = *table.add_routes();
    route.set_name(name);
    v1::RolloutSplit& split = *route.add_rollouts();
    split.set_seed("v2");
    split.set_weight(50'000);
  }
  v1::Rollout rollout;
  rollout.mutable_metadata()->set_name("v2");
  rollout.mutable_spec()->set_route("chat");
  rollout.mutable_spec()->set_candidate("green");
  v1::RolloutStatus status;
  status.set_phase(v1::ROLLOUT_PHASE_ABORTED);
  status.set_is_evicting(true);

  lower_in_table(rollout, status, table);

  for (const int i : {0, 1}) {
    EXPECT_THAT(table.routes(i).rollouts(), IsEmpty());
    EXPECT_THAT(table.routes(i).evicted(), ElementsAre("green"));
  }
  EXPECT_THAT(table.routes(2).rollouts(), SizeIs(1));
}

TEST_F(SetRollout, EvictedFlowsAreMadeToAsk) {
  ASSERT_TRUE(set(v1::ROLLOUT_PHASE_PROGRESSING, 10'000).ok());
  const uint64_t epoch = one_.running().eligibility_epoch();
  v1::RolloutStatus evicting = status(v1::ROLLOUT_PHASE_ABORTED, 0);
  evicting.set_is_evicting(true);

  ASSERT_TRUE(changes_->set_rollout(evicting, 2).ok());

  wait_for_node();
  EXPECT_THAT(one_.running().routes(0).evicted(), ElementsAre("green"));
  EXPECT_GT(one_.running().eligibility_epoch(), epoch);
}

TEST_F(SetRollout, GoingBackStartsNoRolloutThatItBringsBack) {
  std::string running = kRollout;
  running.replace(running.find(", paused: true"), 14, "");
  apply(running);
  ASSERT_TRUE(changes_->set_rollout(status(v1::ROLLOUT_PHASE_ABORTED, 0), 3).ok());
  v1::ApplyRequest deletion = apply_of("");
  deletion.mutable_change()->clear_files();
  deletion.mutable_change()->add_deletions("Rollout/v2");
  deletion.mutable_confirm_within()->set_seconds(1);
  ASSERT_TRUE(changes_->apply(deletion).ok());
  ASSERT_THAT(rollouts(), IsEmpty());

  ASSERT_TRUE(changes_->tend(absl::Now() + absl::Seconds(2)).ok());

  ASSERT_THAT(rollouts(), SizeIs(1));
  EXPECT_EQ(rollouts()[0].phase(), v1::ROLLOUT_PHASE_ABORTED);
  EXPECT_THAT(rollouts()[0].reason(), HasSubstr("sluice rollout start"));
  EXPECT_EQ(store_->load()->rollouts[0].phase(), v1::ROLLOUT_PHASE_ABORTED);
}

TEST_F(SetRollout, ARevertBringsBackASucceededRolloutWithItsShare) {
  std::string running = kRollout;
  running.replace(running.find(", paused: true"), 14, "");
  apply(running);
  ASSERT_TRUE(changes_->set_rollout(status(v1::ROLLOUT_PHASE_SUCCEEDED, 1'000'000), 3).ok());
  v1::ApplyRequest deletion = apply_of("");
  deletion.mutable_change()->clear_files();
  deletion.mutable_change()->add_deletions("Rollout/v2");
  deletion.mutable_confirm_within()->set_seconds(1);
  ASSERT_TRUE(changes_->apply(deletion).ok());
  ASSERT_THAT(rollouts(), IsEmpty());
  close();
  open();

  ASSERT_TRUE(changes_->tend(absl::Now() + absl::Seconds(2)).ok());

  ASSERT_THAT(rollouts(), SizeIs(1));
  EXPECT_EQ(rollouts()[0].phase(), v1::ROLLOUT_PHASE_SUCCEEDED);
  EXPECT_EQ(rollouts()[0].weight(), 1'000'000u);
  wait_for_node();
  ASSERT_THAT(one_.running().routes(0).rollouts(), SizeIs(1));
  EXPECT_EQ(one_.running().routes(0).rollouts(0).weight(), 1'000'000u);
}

TEST_F(SetRollout, TheCallsNameWhatIsUnknown) {
  EventLog events(store_->shared());
  Recalls recalls(*store_, *fleet_, events);
  const auto archive = *TableArchive::open(directory_.path("audit"));
  CallMeter strangers;
  ControlService service({*changes_, *store_, *fleet_, *records_, events, recalls, *archive,
                          rollouts_->runner(), "9.9",
                          [](const grpc::ServerContext*) { return anybody(); }, strangers});
  v1::SteerRolloutRequest steer;
  steer.set_rollout("v3");
  steer.set_action(v1::SteerRolloutRequest::ACTION_START);
  v1::SteerRolloutResponse steered;
  const grpc::Status unknown = service.SteerRollout(nullptr, &steer, &steered);
  EXPECT_EQ(unknown.error_code(), grpc::NOT_FOUND);
  EXPECT_THAT(unknown.error_message(), HasSubstr("did you mean v2?"));

  steer.set_rollout("v2");
  ASSERT_TRUE(service.SteerRollout(nullptr, &steer, &steered).ok());
  EXPECT_EQ(steered.status().weight(), 10'000u);
  EXPECT_EQ(rollouts()[0].phase(), v1::ROLLOUT_PHASE_PROGRESSING);
  EXPECT_EQ(service.SteerRollout(nullptr, &steer, &steered).error_code(),
            grpc::FAILED_PRECONDITION);

  const v1::ListRolloutsRequest list;
  v1::ListRolloutsResponse listed;
  ASSERT_TRUE(service.ListRollouts(nullptr, &list, &listed).ok());
  EXPECT_EQ(listed.rollouts(0).rollout(), "v2");
  v1::PushMetricRequest push;
  push.set_rollout("v2");
  push.set_metric("errors");
  v1::PushMetricResponse pushed;
  EXPECT_EQ(service.PushMetric(nullptr, &push, &pushed).error_code(), grpc::NOT_FOUND);

  v1::ListSharesRequest shares;
  shares.set_service("chta");
  v1::ListSharesResponse observed;
  const grpc::Status misspelt = service.ListShares(nullptr, &shares, &observed);
  EXPECT_EQ(misspelt.error_code(), grpc::NOT_FOUND);
  EXPECT_THAT(misspelt.error_message(),
              HasSubstr("there is no service \"chta\"; did you mean chat?"));
  shares.set_service("chat");
  EXPECT_TRUE(service.ListShares(nullptr, &shares, &observed).ok());
}

}  // namespace
}  // namespace sluice::controlplane

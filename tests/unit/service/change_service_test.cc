// SPDX-License-Identifier: Apache-2.0
//
// The road of a change: all or nothing over planner, nodes and store.
#include "controlplane/service/change_service.h"

#include <gtest/gtest.h>

#include <thread>

#include "controlplane/store/event_log.h"
#include "gmock/gmock.h"
#include "tests/support/failing_disk.h"
#include "tests/unit/service/change_fixture.h"

namespace sluice::controlplane {
namespace {

using testing::eventually;
using ::testing::HasSubstr;
using ::testing::SizeIs;

using ChangeServiceTest = ChangeFixture;

TEST_F(ChangeServiceTest, AcceptedPolicyIsStoredAndRunsOnEveryNode) {
  const auto response = changes_->apply(apply_of(kPolicy));

  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->revision(), 1U);
  EXPECT_EQ(response->generation(), 1U);
  EXPECT_THAT(response->plan().diff(), SizeIs(4));
  ASSERT_THAT(response->nodes(), SizeIs(2));
  EXPECT_TRUE(response->nodes(0).committed());
  EXPECT_TRUE(response->nodes(1).committed());
  EXPECT_EQ(one_.running().revision(), 1U);
  EXPECT_EQ(two_.running().generation(), 1U);
  EXPECT_EQ(one_.running().steering_key(), store_->load()->steering_key);
  const std::vector<v1::RevisionEntry> history = *store_->list(20);
  ASSERT_THAT(history, SizeIs(1));
  EXPECT_EQ(history[0].author(), "ann");
  EXPECT_EQ(history[0].message(), "why");
  EXPECT_EQ(history[0].created(), 4U);
}

TEST_F(ChangeServiceTest, UnchangedPolicyMakesNoRevision) {
  apply(kPolicy);

  const auto response = changes_->apply(apply_of(kPolicy));

  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->revision(), 1U);
  EXPECT_THAT(response->plan().diff(), SizeIs(0));
  EXPECT_TRUE(stored_is(1, 1));
}

TEST_F(ChangeServiceTest, PlanChangesNothing) {
  const auto response = changes_->plan(apply_of(kPolicy).change());

  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->base_revision(), 0U);
  EXPECT_THAT(response->diff(), SizeIs(4));
  EXPECT_TRUE(stored_is(0, 0));
}

TEST_F(ChangeServiceTest, InvalidPolicyIsRefusedWhole) {
  const auto response = changes_->apply(apply_of(
      std::string(kPolicy) + "---\nkind: Pool\nmetadata: {name: bad}\nspec: {table_slots: 250}\n"));

  EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(stored_is(0, 0));
  EXPECT_EQ(one_.staged_generation(), 0U);
}

TEST_F(ChangeServiceTest, EmptyFileDoesNotPruneThePolicyAway) {
  apply(kPolicy);
  v1::ApplyRequest request = apply_of("# a template that gave nothing\n---\n");
  request.mutable_change()->set_prune(true);

  const auto response = changes_->apply(request);

  EXPECT_EQ(response.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(stored_is(1, 1));
}

TEST_F(ChangeServiceTest, GuardrailThatLeaksIsAFailedPrecondition) {
  const auto response = changes_->apply(
      apply_of(std::string(kPolicy) + "---\nkind: Guardrail\nmetadata: {name: residency}\n"
                                      "spec: {require: {match_labels: {jurisdiction: eu}}}\n"));

  EXPECT_EQ(response.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(stored_is(0, 0));
}

TEST_F(ChangeServiceTest, RefusalOfOneNodeChangesNothingAnywhere) {
  apply(kPolicy);
  two_.refuse_stages("no memory");

  const auto response = changes_->apply(apply_of(pool_yaml("red")));

  EXPECT_EQ(response.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(response.status().message()),
              HasSubstr("node edge-2 refused: no memory"));
  EXPECT_TRUE(stored_is(1, 1));
  EXPECT_EQ(changes_->running()->revision, 1U);
  EXPECT_EQ(one_.running().generation(), 1U);
  EXPECT_EQ(one_.staged_generation(), 0U);
}

TEST_F(ChangeServiceTest, RefusedTablesNumberIsNotUsedAgain) {
  apply(kPolicy);
  two_.refuse_stages("no memory");
  changes_->apply(apply_of(pool_yaml("red"))).IgnoreError();
  two_.refuse_stages("");

  const auto response = changes_->apply(apply_of(pool_yaml("red")));

  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->revision(), 2U);
  EXPECT_EQ(response->generation(), 3U);
}

TEST_F(ChangeServiceTest, NodeThatIsAwayIsNamedAndCatchesUp) {
  two_.leave();

  const auto response = changes_->apply(apply_of(kPolicy));
  two_.come_back();

  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_TRUE(response->nodes(0).committed());
  EXPECT_FALSE(response->nodes(1).committed());
  EXPECT_EQ(response->nodes(1).node(), "edge-2");
  EXPECT_TRUE(eventually([this] { return two_.running().generation() == 1; }));
}

TEST_F(ChangeServiceTest, StaleBaseIsAborted) {
  apply(kPolicy);
  v1::ApplyRequest stale = apply_of(pool_yaml("red"));
  stale.mutable_change()->set_base_revision(0);
  v1::ApplyRequest current = apply_of(pool_yaml("red"));
  current.mutable_change()->set_base_revision(1);

  EXPECT_EQ(changes_->apply(stale).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(changes_->plan(stale.change()).status().code(), absl::StatusCode::kAborted);
  EXPECT_EQ(changes_->apply(current)->revision(), 2U);
}

TEST_F(ChangeServiceTest, BaseThatGoesStaleBetweenPlanAndCommitIsAborted) {
  apply(kPolicy);
  one_.hold_stages();
  v1::ApplyRequest late = apply_of(pool_yaml("late"));
  late.mutable_change()->set_base_revision(1);

  std::thread first([this] { apply(pool_yaml("early")); });
  ASSERT_TRUE(eventually([this] { return one_.calls().back() == "stage 2 delta"; }));
  absl::Status second_status;
  std::thread second([&] { second_status = changes_->apply(late).status(); });
  one_.release_stages();
  first.join();
  second.join();

  EXPECT_EQ(second_status.code(), absl::StatusCode::kAborted);
  EXPECT_TRUE(stored_is(2, 2));
}

TEST_F(ChangeServiceTest, ConcurrentChangesFollowEachOther) {
  apply(kPolicy);
  std::vector<std::thread> threads;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([this, i] { apply(pool_yaml("pool-" + std::to_string(i))); });
  }
  for (std::thread& thread : threads)
    thread.join();

  EXPECT_TRUE(stored_is(7, 7));
  EXPECT_EQ(changes_->running()->policy->pools_size(), 8);
  EXPECT_EQ(one_.running().generation(), 7U);
  EXPECT_EQ(two_.running().generation(), 7U);
}

TEST_F(ChangeServiceTest, RollbackIsANewRevisionWithOldContent) {
  apply(kPolicy);
  apply(pool_yaml("red"));

  const auto back = changes_->rollback({});

  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->revision(), 3U);
  EXPECT_EQ(changes_->running()->policy->pools_size(), 2);
  EXPECT_EQ((*store_->list(1))[0].rollback_of(), 1U);
  EXPECT_EQ(one_.running().revision(), 3U);
}

TEST_F(ChangeServiceTest, RollbackToWhatIsNotThereIsNotFound) {
  v1::RollbackRequest unknown;
  unknown.set_revision(9);

  EXPECT_EQ(changes_->rollback({}).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(changes_->rollback(unknown).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ChangeServiceTest, DrainIsPushedWithoutARevisionAndSurvivesChanges) {
  apply(kPolicy);

  const auto drained = set_override("blue", "b1", v1::Override::STATE_DRAINING);
  apply(pool_yaml("red"));
  ASSERT_TRUE(changes_->rollback({}).ok());

  ASSERT_TRUE(drained.ok()) << drained.status();
  EXPECT_EQ(drained->generation(), 2U);
  EXPECT_THAT(drained->nodes(), SizeIs(2));
  ASSERT_THAT(one_.running().overrides(), SizeIs(1));
  EXPECT_EQ(one_.running().overrides(0).backend(), "b1");
  EXPECT_TRUE(stored_is(3, 4));
  close();
  open();
  EXPECT_THAT(changes_->running()->overrides, SizeIs(1));
}

TEST_F(ChangeServiceTest, RepeatedOverrideChangesNothing) {
  apply(kPolicy);
  set_override("blue", "", v1::Override::STATE_DRAINING).IgnoreError();

  const auto again = set_override("blue", "", v1::Override::STATE_DRAINING);
  const auto lifted = set_override("blue", "", v1::Override::STATE_UNSPECIFIED);
  const auto lifted_again = set_override("blue", "", v1::Override::STATE_UNSPECIFIED);

  EXPECT_EQ(again->generation(), 2U);
  EXPECT_EQ(lifted->generation(), 3U);
  EXPECT_EQ(lifted_again->generation(), 3U);
  EXPECT_THAT(one_.running().overrides(), SizeIs(0));
}

TEST_F(ChangeServiceTest, DrainOutlivesTheDeletionOfItsPool) {
  apply(std::string(kPolicy) + "---\n" + pool_yaml("red"));
  set_override("red", "", v1::Override::STATE_DRAINING).IgnoreError();
  v1::ApplyRequest deletion;
  deletion.mutable_change()->add_deletions("Pool/red");

  ASSERT_TRUE(changes_->apply(deletion).ok());
  const v1::ForwardingTable without = one_.running();
  apply(pool_yaml("red"));

  EXPECT_THAT(without.overrides(), SizeIs(0));
  EXPECT_THAT(one_.running().overrides(), SizeIs(1));
}

TEST_F(ChangeServiceTest, OverrideOfWhatIsNotThereNamesTheNearest) {
  apply(kPolicy);

  const absl::Status pool = set_override("bleu", "", v1::Override::STATE_DRAINING).status();
  const absl::Status backend = set_override("blue", "b3", v1::Override::STATE_DRAINING).status();
  const absl::Status recall = set_override("blue", "", v1::Override::STATE_RECALLED).status();

  EXPECT_EQ(pool.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(pool.message()), HasSubstr("did you mean"));
  EXPECT_EQ(backend.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(recall.code(), absl::StatusCode::kInvalidArgument);  // it has no reason
  EXPECT_TRUE(stored_is(1, 1));
}

v1::Override drain_of(const std::string& pool, const std::string& backend) {
  v1::Override drain;
  drain.set_pool(pool);
  drain.set_backend(backend);
  drain.set_state(v1::Override::STATE_DRAINING);
  return drain;
}

TEST_F(ChangeServiceTest, OverridesOfOneRequestAreSetTogetherWithAnEventEach) {
  apply(kPolicy);
  v1::SetOverrideRequest request;
  *request.mutable_override() = drain_of("blue", "b1");
  *request.add_others() = drain_of("green", "");
  *request.add_others() = drain_of("blue", "b1");  // said twice

  const auto drained = changes_->set_override(request);

  ASSERT_TRUE(drained.ok()) << drained.status();
  EXPECT_EQ(drained->generation(), 2U);
  EXPECT_THAT(one_.running().overrides(), SizeIs(2));
  v1::ListEventsRequest drains;
  drains.set_kind("drain");
  const auto events = EventLog(store_->shared()).list(drains);
  ASSERT_THAT(*events, SizeIs(2));
  EXPECT_EQ((*events)[0].target(), "backend/blue/b1");
  EXPECT_EQ((*events)[1].target(), "pool/green");
  EXPECT_EQ((*events)[1].generation(), 2U);
}

TEST_F(ChangeServiceTest, OneUnknownOverrideLeavesAllUnsetAndAllUnknownOnesAreNamed) {
  apply(kPolicy);
  v1::SetOverrideRequest request;
  *request.mutable_override() = drain_of("blue", "b1");
  *request.add_others() = drain_of("bleu", "");
  *request.add_others() = drain_of("blue", "b3");

  const absl::Status unknown = changes_->set_override(request).status();

  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("there is no pool \"bleu\""));
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("\npool blue has no backend \"b3\""));
  EXPECT_THAT(changes_->running()->overrides, SizeIs(0));
  EXPECT_TRUE(stored_is(1, 1));
}

TEST_F(ChangeServiceTest, RecallIsOfOnePoolOrBackend) {
  apply(kPolicy);
  v1::SetOverrideRequest request;
  request.set_message("bad answers");
  request.mutable_override()->set_pool("blue");
  request.mutable_override()->set_state(v1::Override::STATE_RECALLED);
  *request.add_others() = drain_of("green", "");

  EXPECT_EQ(changes_->set_override(request).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(stored_is(1, 1));
}

TEST_F(ChangeServiceTest, RestartedControllerGoesOnWhereItStopped) {
  apply(kPolicy);
  close();
  two_.leave();
  open();
  two_.come_back();

  apply(pool_yaml("red"));

  EXPECT_TRUE(stored_is(2, 2));
  EXPECT_TRUE(eventually([this] { return two_.running().generation() == 2; }));
}

TEST_F(ChangeServiceTest, DiskFailureTakesTheTableBackFromTheNodes) {
  close();
  testing::FailingDisk disk;
  open();
  apply(kPolicy);
  ASSERT_TRUE(eventually([this] { return two_.running().generation() == 1; }));

  disk.fail_after(0);
  const auto response = changes_->apply(apply_of(pool_yaml("red")));
  disk.heal();

  EXPECT_FALSE(response.ok());
  EXPECT_TRUE(stored_is(1, 1));
  EXPECT_EQ(changes_->running()->revision, 1U);
  EXPECT_EQ(one_.running().generation(), 1U);
  EXPECT_EQ(one_.staged_generation(), 0U);
  EXPECT_EQ(two_.staged_generation(), 0U);
  apply(pool_yaml("red"));
  EXPECT_EQ(one_.running().revision(), 2U);
  close();
}

}  // namespace
}  // namespace sluice::controlplane

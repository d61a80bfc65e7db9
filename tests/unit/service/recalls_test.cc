// SPDX-License-Identifier: Apache-2.0
//
// Recalls: the order survives, the certificate says what is known, completion is told once.
#include "controlplane/service/recalls.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "controlplane/audit/table_archive.h"
#include "controlplane/service/control_service.h"
#include "controlplane/store/backup.h"
#include "gmock/gmock.h"
#include "tests/unit/service/change_fixture.h"

namespace sluice::controlplane {
namespace {

using testing::eventually;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class RecallsTest : public ChangeFixture {
 protected:
  void SetUp() override {
    ChangeFixture::SetUp();
    apply(kPolicy);
    ASSERT_TRUE(eventually([this] { return two_.running().generation() == 1; }));
  }
  absl::Status recall(const std::string& message) {
    v1::SetOverrideRequest request;
    *request.mutable_override() = green();
    request.set_message(message);
    request.set_author("ann");
    return changes_->set_override(request).status();
  }
  // As a controller that lost its store starts from a backup.
  void restore(const std::string& backup) {
    close();
    const std::string lost = directory_.path("store.db");
    for (const char* suffix : {"", "-wal", "-shm"})
      std::filesystem::remove(lost + suffix);
    ASSERT_TRUE(restore_store(backup, lost).ok());
    open();
    const uint64_t generation = std::max(one_.running().generation(), two_.running().generation());
    ASSERT_TRUE(changes_->overtake(generation).ok());
  }
  static v1::Override green() {
    v1::Override override;
    override.set_pool("green");
    override.set_state(v1::Override::STATE_RECALLED);
    return override;
  }
  absl::StatusOr<v1::RecallCertificate> settle(absl::Duration patience) {
    EventLog events(store_->shared());
    return Recalls(*store_, *fleet_, events).settle(green(), patience);
  }
  absl::Status tend() {
    EventLog events(store_->shared());
    return Recalls(*store_, *fleet_, events).tend();
  }
  std::vector<v1::Event> events(const std::string& kind) {
    v1::ListEventsRequest request;
    request.set_kind(kind);
    return *EventLog(store_->shared()).list(request);
  }
};

TEST_F(RecallsTest, RecallNeedsAReason) {
  const absl::Status status = recall("");

  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("a recall needs a reason"));
  EXPECT_TRUE(stored_is(1, 1));
}

TEST_F(RecallsTest, CertificateIsCompleteWhenEveryNodeHasCutEverything) {
  one_.sweep_recalls(0, 7);
  two_.sweep_recalls(0, 2);

  ASSERT_TRUE(recall("wrong answers").ok());
  const auto certificate = settle(kRecallPatience);

  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_TRUE(certificate->is_complete());
  EXPECT_EQ(certificate->author(), "ann");
  EXPECT_EQ(certificate->reason(), "wrong answers");
  ASSERT_THAT(certificate->nodes(), SizeIs(2));
  EXPECT_EQ(certificate->nodes(0).status().flows_cut(), 7U);
  ASSERT_THAT(events("recall.complete"), SizeIs(1));
  EXPECT_EQ(events("recall.complete")[0].details().at("node/edge-2"), "flows cut: 2, residual: 0");
  ASSERT_TRUE(tend().ok());
  EXPECT_THAT(events("recall.complete"), SizeIs(1));
}

TEST_F(RecallsTest, NodeThatIsAwayMakesItIncompleteUntilItReturns) {
  one_.sweep_recalls(0, 7);
  two_.sweep_recalls(0, 2);
  two_.leave();

  ASSERT_TRUE(recall("wrong answers").ok());
  const auto certificate = settle(kRecallPatience);
  ASSERT_TRUE(tend().ok());
  const size_t early = events("recall.complete").size();
  two_.come_back();

  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_FALSE(certificate->is_complete());
  EXPECT_FALSE(certificate->nodes(1).is_reachable());
  EXPECT_THAT(events("recall.incomplete"), SizeIs(1));
  EXPECT_EQ(early, 0U);
  EXPECT_TRUE(eventually([this] { return tend().ok() && !events("recall.complete").empty(); }));
}

TEST_F(RecallsTest, NodeThatRefusesIsNamedAndHoldsNobodyUp) {
  one_.sweep_recalls(0, 7);
  two_.refuse_stages("no memory");

  v1::SetOverrideRequest request;
  *request.mutable_override() = green();
  request.set_message("wrong answers");
  const auto response = changes_->set_override(request);
  const auto certificate = settle(kRecallPatienceMin);

  ASSERT_TRUE(response.ok()) << response.status();
  ASSERT_THAT(response->nodes(), SizeIs(2));
  EXPECT_TRUE(response->nodes(0).committed());
  EXPECT_EQ(response->nodes(1).message(), "no memory");
  EXPECT_THAT(one_.running().overrides(), SizeIs(1));
  EXPECT_TRUE(stored_is(1, 2));
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_FALSE(certificate->is_complete());
  ASSERT_THAT(events("node.refused"), SizeIs(1));
  EXPECT_EQ(events("node.refused")[0].target(), "node/edge-2");
  EXPECT_EQ(events("node.refused")[0].reason(), "no memory");
}

TEST_F(RecallsTest, HealthyNodeHasItAtOnceThoughAnotherHangs) {
  one_.sweep_recalls(0, 7);
  two_.hold_statuses();

  const absl::Time begin = absl::Now();
  std::thread command([this] { EXPECT_TRUE(recall("wrong answers").ok()); });
  EXPECT_TRUE(eventually([this] { return one_.running().overrides_size() == 1; }));
  const absl::Duration until_recalled = absl::Now() - begin;
  command.join();
  const auto certificate = settle(kRecallPatienceMin);
  const absl::Duration until_answered = absl::Now() - begin;
  two_.release_statuses();

  EXPECT_LT(until_recalled, absl::Seconds(1));
  EXPECT_LT(until_answered, absl::Milliseconds(1900))
      << "one look at the node that hangs takes 2 s";
  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_FALSE(certificate->is_complete());
  EXPECT_EQ(certificate->nodes(0).status().flows_cut(), 7U);
  EXPECT_FALSE(certificate->nodes(1).has_status());
}

TEST_F(RecallsTest, NobodysPreviewHoldsItUp) {
  two_.hold_stages();
  v1::ApplyRequest request = apply_of(pool_yaml("red"));
  request.set_max_moved(1'000'000);
  absl::Status applied;
  std::thread command([&] { applied = changes_->apply(request).status(); });
  absl::SleepFor(absl::Milliseconds(100));  // the preview is on its way

  EXPECT_TRUE(recall("wrong answers").ok());
  const int recalls = one_.running().overrides_size();
  two_.release_stages();
  command.join();

  EXPECT_EQ(recalls, 1);
  EXPECT_EQ(applied.code(), absl::StatusCode::kAborted) << applied;
}

TEST_F(RecallsTest, ApplyThatWaitsForANodeInStagingGivesWayAndIsDoneAfterwards) {
  two_.hold_stages();
  absl::StatusOr<v1::ApplyResponse> applied;
  std::thread command([&] { applied = changes_->apply(apply_of(pool_yaml("red"))); });
  ASSERT_TRUE(eventually([this] { return two_.calls().back() == "stage 2 delta"; }));

  const absl::Time begin = absl::Now();
  std::thread recall_command([this] { EXPECT_TRUE(recall("wrong answers").ok()); });
  const bool is_cut = eventually([this] { return one_.running().overrides_size() == 1; });
  const absl::Duration until_cut = absl::Now() - begin;
  const uint64_t revision_then = one_.running().revision();
  recall_command.join();
  two_.release_stages();
  command.join();

  EXPECT_TRUE(is_cut);
  EXPECT_LT(until_cut, absl::Seconds(1));
  EXPECT_EQ(revision_then, 1U) << "nothing of the apply is in force before all have staged it";
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ(applied->revision(), 2U);
  EXPECT_TRUE(eventually([this] { return two_.running().revision() == 2; }));
  EXPECT_EQ(one_.running().pools_size(), 3);
  EXPECT_EQ(one_.running().overrides_size(), 1);
  EXPECT_EQ(two_.running().overrides_size(), 1);
  EXPECT_EQ(store_->load()->overrides.size(), 1U);
}

TEST_F(RecallsTest, ApplyThatWaitsForTheStatusOfANodeGivesWay) {
  two_.hold_statuses();
  absl::StatusOr<v1::ApplyResponse> applied;
  const absl::Time begin = absl::Now();
  std::thread command([&] { applied = changes_->apply(apply_of(pool_yaml("red"))); });
  absl::SleepFor(absl::Milliseconds(100));  // it asks the node how it is

  std::thread recall_command([this] { EXPECT_TRUE(recall("wrong answers").ok()); });
  const bool is_cut = eventually([this] { return one_.running().overrides_size() == 1; });
  const absl::Duration until_cut = absl::Now() - begin;
  two_.release_statuses();
  recall_command.join();
  command.join();

  EXPECT_TRUE(is_cut);
  EXPECT_LT(until_cut, absl::Seconds(1)) << "the look at the node takes 2 s";
  EXPECT_TRUE(applied.ok()) << applied.status();
}

TEST_F(RecallsTest, PreviewOfARollbackHoldsItNotUp) {
  apply(pool_yaml("red"));
  two_.hold_stages();
  v1::RollbackRequest back;
  back.set_max_moved(1'000'000);
  absl::Status rolled_back;
  std::thread command([&] { rolled_back = changes_->rollback(back).status(); });
  absl::SleepFor(absl::Milliseconds(100));  // the preview is on its way

  EXPECT_TRUE(recall("wrong answers").ok());
  const int recalls = one_.running().overrides_size();
  two_.release_stages();
  command.join();

  EXPECT_EQ(recalls, 1);
  EXPECT_EQ(rolled_back.code(), absl::StatusCode::kAborted) << rolled_back;
}

TEST_F(RecallsTest, WhatIsInForceAlreadyDisturbsNobody) {
  ASSERT_TRUE(recall("wrong answers").ok());
  two_.hold_stages();
  absl::Status applied;
  std::thread command([&] { applied = changes_->apply(apply_of(pool_yaml("red"))).status(); });
  ASSERT_TRUE(eventually([this] { return two_.calls().back() == "stage 3 delta"; }));

  EXPECT_TRUE(recall("wrong answers").ok()) << "and is not held up";
  two_.release_stages();
  command.join();

  EXPECT_TRUE(applied.ok()) << applied;
  EXPECT_TRUE(stored_is(2, 3)) << "staged once";
}

TEST_F(RecallsTest, UnknownNameDisturbsNobody) {
  two_.hold_stages();
  absl::Status applied;
  std::thread command([&] { applied = changes_->apply(apply_of(pool_yaml("red"))).status(); });
  ASSERT_TRUE(eventually([this] { return two_.calls().back() == "stage 2 delta"; }));
  v1::SetOverrideRequest request;
  *request.mutable_override() = green();
  request.mutable_override()->set_pool("grey");
  request.set_message("wrong answers");

  const absl::Status refused = changes_->set_override(request).status();
  two_.release_stages();
  command.join();

  EXPECT_EQ(refused.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(applied.ok()) << applied;
  EXPECT_TRUE(stored_is(2, 2)) << "staged once";
}

TEST_F(RecallsTest, NodeThatStillLooksIsWaitedForButNotForEver) {
  one_.sweep_recalls(0, 7);
  two_.sweep_recalls(3, 2);
  ASSERT_TRUE(recall("wrong answers").ok());

  const absl::Time begin = absl::Now();
  const auto certificate = settle(absl::Milliseconds(300));

  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_FALSE(certificate->is_complete());
  EXPECT_TRUE(certificate->nodes(1).is_reachable());
  EXPECT_EQ(certificate->nodes(1).status().residual(), 3U);
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(300));
}

TEST_F(RecallsTest, NeitherApplyNorRollbackNorRestartLiftsIt) {
  ASSERT_TRUE(recall("wrong answers").ok());
  apply(pool_yaml("red"));
  ASSERT_TRUE(changes_->rollback({}).ok());
  close();
  open();

  ASSERT_THAT(changes_->running()->overrides, SizeIs(1));
  EXPECT_EQ(changes_->running()->overrides[0].state(), v1::Override::STATE_RECALLED);
  EXPECT_THAT(one_.running().overrides(), SizeIs(1));
  EventLog log(store_->shared());
  const auto recalls = Recalls(*store_, *fleet_, log).list();
  ASSERT_TRUE(recalls.ok()) << recalls.status();
  ASSERT_THAT(*recalls, SizeIs(1));
  EXPECT_EQ((*recalls)[0].reason(), "wrong answers");
}

TEST_F(RecallsTest, RecallOfAfterTheBackupOutlivesTheRestore) {
  const std::string backup = *store_->copy();
  ASSERT_TRUE(recall("wrong answers").ok());
  ASSERT_TRUE(eventually([this] { return one_.running().overrides_size() == 1; }));

  restore(backup);

  ASSERT_TRUE(eventually([this] { return one_.running().term() == 1; }));
  EXPECT_THAT(one_.running().overrides(), SizeIs(1));
  ASSERT_THAT(changes_->running()->overrides, SizeIs(1));
  EXPECT_EQ(store_->load()->overrides.size(), 1U);
  ASSERT_THAT(events("recall"), SizeIs(1));
  EXPECT_THAT(events("recall")[0].reason(), HasSubstr("has recalled it since before the restore"));
  EXPECT_TRUE(eventually([this] { return two_.running().overrides_size() == 1; }));
}

TEST_F(RecallsTest, RecallThatTheBackupKnowsAsLiftedStaysLifted) {
  ASSERT_TRUE(recall("wrong answers").ok());
  ASSERT_TRUE(eventually([this] { return two_.running().overrides_size() == 1; }));
  two_.leave();                              // with the recall
  absl::SleepFor(absl::Milliseconds(1100));  // times of recalls are whole seconds here
  ASSERT_TRUE(lift_recall("green").ok());
  const std::string backup = *store_->copy();

  restore(backup);
  two_.come_back();

  ASSERT_TRUE(eventually([this] { return two_.running().term() == 1; }));
  EXPECT_THAT(two_.running().overrides(), SizeIs(0));
  EXPECT_THAT(changes_->running()->overrides, SizeIs(0));
}

TEST_F(RecallsTest, DrainDoesNotWeakenIt) {
  ASSERT_TRUE(recall("wrong answers").ok());

  const absl::Status status = set_override("green", "", v1::Override::STATE_DRAINING).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("pool/green is recalled"));
  EXPECT_EQ(changes_->running()->overrides[0].state(), v1::Override::STATE_RECALLED);
}

TEST_F(RecallsTest, LiftingARecallLiftsNoDrainAndTheOtherWayRound) {
  ASSERT_TRUE(set_override("green", "", v1::Override::STATE_DRAINING).ok());
  const absl::Status no_recall = lift_recall("green");
  ASSERT_TRUE(recall("wrong answers").ok());
  const absl::Status no_drain = set_override("green", "", v1::Override::STATE_UNSPECIFIED).status();

  EXPECT_EQ(no_recall.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(no_recall.message()),
              HasSubstr("pool/green is drained, not recalled; sluice undrain pool/green"));
  EXPECT_EQ(no_drain.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(no_drain.message()), HasSubstr("sluice recall pool/green --lift"));
  EXPECT_EQ(changes_->running()->overrides[0].state(), v1::Override::STATE_RECALLED);
}

TEST_F(RecallsTest, AskedForAgainItIsTheSameRecall) {
  one_.sweep_recalls(0, 1);
  EventLog log(store_->shared());
  Recalls recalls(*store_, *fleet_, log);
  const auto archive = *TableArchive::open(directory_.path("audit"));
  CallMeter strangers;
  ControlService service({*changes_, *store_, *fleet_, *records_, log, recalls, *archive,
                          rollouts_->runner(), "9.9",
                          [](const grpc::ServerContext*) { return anybody(); }, strangers});
  v1::SetOverrideRequest request;
  *request.mutable_override() = green();
  request.set_message("wrong answers");
  v1::SetOverrideResponse response;
  const auto ask = [&] { return service.SetOverride(nullptr, &request, &response).ok(); };

  two_.leave();
  ASSERT_TRUE(ask() && ask());
  const size_t incomplete = events("recall.incomplete").size();
  two_.sweep_recalls(0, 1);
  two_.come_back();
  ASSERT_TRUE(eventually([this] { return two_.running().overrides_size() == 1; }));
  ASSERT_TRUE(ask() && ask());

  EXPECT_EQ(incomplete, 1U);
  EXPECT_THAT(events("recall.complete"), SizeIs(1));
}

TEST_F(RecallsTest, LiftedRecallIsNoRecallAnyMore) {
  ASSERT_TRUE(recall("wrong answers").ok());
  ASSERT_TRUE(lift_recall("green").ok());

  EXPECT_EQ(settle(absl::ZeroDuration()).status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(events("recall.lift"), SizeIs(1));
  EXPECT_THAT(one_.running().overrides(), SizeIs(0));
}

TEST_F(RecallsTest, StatusOfAnEarlierRecallDoesNotCount) {
  one_.sweep_recalls(0, 1);
  two_.sweep_recalls(0, 1);
  ASSERT_TRUE(recall("first").ok());
  ASSERT_TRUE(settle(kRecallPatience).ok());
  ASSERT_TRUE(lift_recall("green").ok());
  two_.leave();

  ASSERT_TRUE(recall("second").ok());
  const auto certificate = settle(kRecallPatience);

  ASSERT_TRUE(certificate.ok()) << certificate.status();
  EXPECT_FALSE(certificate->is_complete());
  EXPECT_FALSE(certificate->nodes(1).has_status());
}

}  // namespace
}  // namespace sluice::controlplane

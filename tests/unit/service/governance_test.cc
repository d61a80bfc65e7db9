// SPDX-License-Identifier: Apache-2.0
//
// Who may change what, for how long, and with whose approval.
#include <gtest/gtest.h>

#include "controlplane/service/change_rules.h"
#include "controlplane/store/event_log.h"
#include "controlplane/store/stored_time.h"
#include "gmock/gmock.h"
#include "tests/unit/service/change_fixture.h"

namespace sluice::controlplane {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kGuardrail[] = R"(
kind: Guardrail
metadata: {name: residency}
spec: {require: {match_expressions: [{key: jurisdiction, operator: Exists}]}, approvals: 2}
)";

class GovernanceTest : public ChangeFixture {
 protected:
  static Caller person(const std::string& name, v1::Role role) { return {name, role, true}; }
  static v1::ApplyRequest unsigned_apply(const std::string& yaml) {
    v1::ApplyRequest request = apply_of(yaml);
    request.clear_author();
    return request;
  }
  static std::string text(const absl::Status& status) { return std::string(status.message()); }

  // Asks for the guardrail as ann; the id of the change that waits.
  uint64_t ask() {
    EXPECT_TRUE(changes_->apply(unsigned_apply(kPolicy), ann_).ok());
    const absl::Status status = changes_->apply(unsigned_apply(kGuardrail), ann_).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(text(status), HasSubstr("waits for 2 approvals of others: sluice approve"));
    return pending().empty() ? 0 : pending()[0].id();
  }
  std::vector<v1::PendingChange> pending() {
    return *changes_->approvals().list(ChangeStore::Which::kPending);
  }
  v1::PendingChange change(uint64_t id) {
    const auto all = changes_->approvals().list(ChangeStore::Which::kAll);
    for (const v1::PendingChange& each : *all) {
      if (each.id() == id) return each;
    }
    return {};
  }
  absl::StatusOr<v1::DecideChangeResponse> approve(uint64_t id, const Caller& caller) {
    v1::DecideChangeRequest request;
    request.set_id(id);
    request.set_plan_digest(change(id).plan().digest());
    request.set_message("fine");
    return changes_->decide(request, caller);
  }
  std::vector<std::string> event_kinds() {
    std::vector<std::string> kinds;
    const auto events = EventLog(store_->shared()).list({});
    for (const v1::Event& event : *events)
      kinds.push_back(event.kind());
    return kinds;
  }
  // What a failing disk may do.
  void damage_policy(uint64_t revision) {
    SharedDatabase& shared = *store_->shared();
    const absl::MutexLock lock(&shared.mutex);
    const std::string sql =
        "UPDATE revision SET policy = x'00' WHERE number = " + std::to_string(revision);
    ASSERT_TRUE(shared.database.execute(sql.c_str()).ok());
  }
  static v1::ApplyRequest confirmed(const std::string& yaml, absl::Duration wait) {
    v1::ApplyRequest request = apply_of(yaml);
    request.mutable_confirm_within()->set_seconds(absl::ToInt64Seconds(wait));
    return request;
  }

  const Caller ann_ = person("ann", v1::ROLE_OFFICER);
  const Caller bob_ = person("bob", v1::ROLE_OPERATOR);
  const Caller cid_ = person("cid", v1::ROLE_OFFICER);
  const Caller eve_ = person("eve", v1::ROLE_VIEWER);
  const Caller root_ = person("root", v1::ROLE_ADMIN);
};

TEST_F(GovernanceTest, IdentityIsTheAuthorAndCannotBeChosen) {
  const auto applied = changes_->apply(unsigned_apply(kPolicy), bob_);
  v1::ApplyRequest claimed = apply_of(pool_yaml("red"));
  claimed.set_author("ann");

  const absl::Status refused = changes_->apply(claimed, bob_).status();

  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_EQ((*store_->list(1))[0].author(), "bob");
  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(text(refused), HasSubstr("the author is bob, not ann"));
  EXPECT_TRUE(stored_is(1, 1));
}

TEST_F(GovernanceTest, OnlyOfficersWriteGuardrails) {
  ASSERT_TRUE(changes_->apply(unsigned_apply(kPolicy), bob_).ok());

  const absl::Status status = changes_->apply(unsigned_apply(kGuardrail), bob_).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(text(status),
              HasSubstr("bob has the role operator; to change Guardrail/residency ("));
  EXPECT_THAT(text(status), HasSubstr("takes the role officer"));
  EXPECT_TRUE(stored_is(1, 1));
  EXPECT_THAT(pending(), SizeIs(0));
}

TEST_F(GovernanceTest, OnlyOfficersWriteLabelsThatGuardrailsGoBy) {
  ASSERT_TRUE(changes_->apply(unsigned_apply(kPolicy), bob_).ok());
  std::string guardrail = kGuardrail;
  guardrail.replace(guardrail.find("approvals: 2"), 12, "approvals: 0");
  ASSERT_TRUE(changes_->apply(unsigned_apply(guardrail), ann_).ok());
  const std::string relabelled =
      "kind: Pool\nmetadata: {name: green, labels: {jurisdiction: eu}}\n"
      "spec: {table_slots: 251, backends: [{name: g1, address: 10.0.0.3}]}\n";

  const absl::Status refused = changes_->apply(unsigned_apply(relabelled), bob_).status();

  EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(text(refused), HasSubstr("Pool/green.metadata.labels[jurisdiction]"));
  EXPECT_TRUE(stored_is(2, 2));
  EXPECT_TRUE(changes_->apply(unsigned_apply(relabelled), cid_).ok());
}

TEST_F(GovernanceTest, ChangeOfACoveredRouteWaitsForTheGuardrailsApprovals) {
  const uint64_t id = ask();
  ASSERT_TRUE(approve(id, bob_).ok());
  ASSERT_TRUE(approve(id, cid_).ok());
  const std::string shifted =
      "kind: Route\nmetadata: {name: chat}\n"
      "spec: {service: chat, clients: {}, split: [{pool: blue, weight: 1}, {pool: green, weight: "
      "1}]}\n";

  const absl::Status status = changes_->apply(unsigned_apply(shifted), bob_).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  ASSERT_THAT(pending(), SizeIs(1));
  ASSERT_THAT(pending()[0].plan().guardrails(), SizeIs(1));
  EXPECT_EQ(pending()[0].plan().guardrails(0).guardrail(), "residency");
  EXPECT_TRUE(stored_is(2, 2));
}

TEST_F(GovernanceTest, StruckPoolsAreShownAndSurviveARestart) {
  ASSERT_TRUE(changes_->apply(unsigned_apply(kPolicy), ann_).ok());
  v1::ApplyRequest request = unsigned_apply(
      "kind: Guardrail\nmetadata: {name: eu}\nspec: {require: {match_labels: {jurisdiction: "
      "eu}}}\n");

  const absl::Status leak = changes_->apply(request, ann_).status();
  request.mutable_change()->set_strike(true);
  const auto struck = changes_->apply(request, ann_);
  close();
  open();

  EXPECT_EQ(leak.code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(struck.ok()) << struck.status();
  EXPECT_THAT(struck->plan().struck(), SizeIs(::testing::Ge(1)));
  ASSERT_FALSE(changes_->running()->struck.empty());
  EXPECT_EQ(changes_->running()->struck[0].pool(), "green");
}

// Back to revision 1, whose own guardrail forbids one of its pools.
class StruckRollback : public GovernanceTest {
 protected:
  void SetUp() override {
    GovernanceTest::SetUp();
    v1::ApplyRequest struck = apply_of(std::string(kPolicy) + kEu);
    struck.mutable_change()->set_strike(true);
    ASSERT_TRUE(changes_->apply(struck).ok());               // revision 1, green struck
    ASSERT_TRUE(changes_->apply(apply_of(kOnlyBlue)).ok());  // revision 2, nothing is
    ASSERT_TRUE(changes_->running()->struck.empty());
    back_.set_revision(1);
    back_.set_message("why");
  }
  static constexpr char kEu[] =
      "---\nkind: Guardrail\nmetadata: {name: eu}\n"
      "spec: {require: {match_labels: {jurisdiction: eu}}}\n";
  static constexpr char kOnlyBlue[] =
      "kind: Route\nmetadata: {name: chat}\n"
      "spec: {service: chat, clients: {}, split: [{pool: blue, weight: 1}]}\n";
  v1::RollbackRequest back_;
};

TEST_F(StruckRollback, IsRefusedWithoutStrikeAndSaysHowItGoes) {
  const absl::Status refused = changes_->rollback(back_).status();

  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(text(refused), HasSubstr("guardrails refuse this, leaks: "));
  EXPECT_THAT(text(refused), HasSubstr("; with --strike these pools are compiled out instead"));
  EXPECT_TRUE(stored_is(2, 2));
}

TEST_F(StruckRollback, CompilesOutWithStrikeWhatTheRevisionHadStruck) {
  back_.set_strike(true);

  const auto back = changes_->rollback(back_);

  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ((*store_->list(1))[0].rollback_of(), 1U);
  ASSERT_FALSE(back->plan().struck().empty());
  EXPECT_EQ(back->plan().struck(0).pool(), "green");
  EXPECT_EQ(changes_->running()->struck.size(), static_cast<size_t>(back->plan().struck_size()));
}

TEST_F(GovernanceTest, RollbackIsRefusedWhenTooMuchWouldMove) {
  apply(kPolicy);
  apply(
      "kind: Route\nmetadata: {name: chat}\n"
      "spec: {service: chat, clients: {}, split: [{pool: blue, weight: 1}]}\n");
  v1::RollbackRequest back;
  back.set_max_moved(10'000);

  const absl::Status refused = changes_->rollback(back).status();
  const bool is_unchanged = stored_is(2, 2);
  back.set_max_moved(500'000);

  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(text(refused), HasSubstr("too much would move: "));
  EXPECT_TRUE(is_unchanged);
  EXPECT_TRUE(changes_->rollback(back).ok());
}

TEST_F(GovernanceTest, RollbackThatNobodyConfirmsReverts) {
  apply(kPolicy);
  apply(pool_yaml("red"));
  v1::RollbackRequest back;
  back.mutable_confirm_within()->set_seconds(60);

  const auto rolled_back = changes_->rollback(back);
  const size_t pools_meanwhile = changes_->running()->policy->pools_size();
  ASSERT_TRUE(changes_->tend(absl::Now() + absl::Seconds(61)).ok());

  ASSERT_TRUE(rolled_back.ok()) << rolled_back.status();
  EXPECT_TRUE(rolled_back->has_reverts_at());
  EXPECT_EQ(pools_meanwhile, 2U);
  EXPECT_THAT(changes_->running()->policy->pools(), SizeIs(3));
  EXPECT_FALSE(changes_->running()->waiting.has_value());
}

TEST_F(GovernanceTest, RollbackThatBreaksGlassNeedsAnAdminAndAReason) {
  const uint64_t id = ask();
  ASSERT_TRUE(approve(id, bob_).ok());
  ASSERT_TRUE(approve(id, cid_).ok());  // revision 2 has the guardrail
  v1::RollbackRequest back;
  back.set_break_glass(true);

  const absl::Status silent = changes_->rollback(back, root_).status();
  back.set_message("it burns");
  const absl::Status officer = changes_->rollback(back, ann_).status();
  const bool is_unchanged = stored_is(2, 2);
  const auto broken = changes_->rollback(back, root_);

  EXPECT_EQ(silent.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(officer.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_TRUE(is_unchanged);
  ASSERT_TRUE(broken.ok()) << broken.status();
  EXPECT_EQ(event_kinds().back(), "break-glass");
  EXPECT_TRUE(changes_->running()->waiting->breaks_glass);
  ASSERT_TRUE(changes_->tend(absl::Now() + absl::Minutes(61)).ok());
  EXPECT_THAT(changes_->running()->policy->guardrails(), SizeIs(1));
}

TEST_F(GovernanceTest, RollbackThatEndsAWaitTakesNoTerms) {
  apply(kPolicy);
  ASSERT_TRUE(changes_->apply(confirmed(pool_yaml("red"), absl::Seconds(60))).ok());
  v1::RollbackRequest back;
  back.set_max_moved(0);

  const absl::Status refused = changes_->rollback(back).status();
  const bool still_waits = changes_->running()->waiting.has_value();

  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(text(refused), HasSubstr("this ends the wait of revision 2"));
  EXPECT_TRUE(still_waits);
  EXPECT_TRUE(stored_is(2, 2));
  EXPECT_TRUE(changes_->rollback({}).ok());
}

TEST_F(GovernanceTest, ApprovalsNeedIdentities) {
  apply(kPolicy);

  const absl::Status status = changes_->apply(apply_of(kGuardrail)).status();

  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(text(status), HasSubstr("Guardrail/residency asks for 2 approvals of others, and "
                                      "nobody can be told apart here"));
  EXPECT_TRUE(stored_is(1, 1));
}

TEST_F(GovernanceTest, OneApprovalOfTwoIsNotEnoughAndTheLastOneApplies) {
  const uint64_t id = ask();
  EXPECT_TRUE(stored_is(1, 1));

  const auto first = approve(id, bob_);
  const bool unchanged = stored_is(1, 1);
  const auto second = approve(id, cid_);

  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(first->has_applied());
  EXPECT_TRUE(unchanged);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(second->applied().revision(), 2U);
  EXPECT_EQ(second->change().state(), v1::PendingChange::STATE_APPLIED);
  EXPECT_EQ(change(id).revision(), 2U);
  const v1::RevisionEntry entry = (*store_->list(1))[0];
  EXPECT_EQ(entry.author(), "ann");
  EXPECT_THAT(entry.approvers(), ElementsAre("bob", "cid"));
  EXPECT_EQ(one_.running().revision(), 2U);
  EXPECT_THAT(event_kinds(), ElementsAre("apply", "change.pending", "approve", "approve", "apply"));
}

TEST_F(GovernanceTest, ApprovalIsOfThePlanOnItsTerms) {
  const uint64_t plain = ask();
  v1::ApplyRequest request = unsigned_apply(kGuardrail);
  request.mutable_confirm_within()->set_seconds(300);
  request.set_max_moved(20'000);
  const absl::Status asked = changes_->apply(request, ann_).status();
  ASSERT_THAT(pending(), SizeIs(2));
  const v1::PendingChange on_terms = pending()[0];
  v1::DecideChangeRequest wrong;
  wrong.set_id(on_terms.id());
  wrong.set_plan_digest(change(plain).plan().digest());

  const absl::Status refused = changes_->decide(wrong, bob_).status();
  ASSERT_TRUE(approve(plain, bob_).ok());
  const int carried_over = change(on_terms.id()).approvals_size();
  ASSERT_TRUE(approve(on_terms.id(), bob_).ok());
  const auto applied = approve(on_terms.id(), cid_);

  EXPECT_EQ(asked.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(on_terms.plan().digest(), change(plain).plan().digest());
  EXPECT_EQ(refused.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(carried_over, 0);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_TRUE(applied->applied().has_reverts_at());
  EXPECT_EQ(applied->applied().plan().digest(), on_terms.plan().digest());
  v1::ListEventsRequest newest;
  newest.set_kind("approve");
  const auto events = EventLog(store_->shared()).list(newest);
  EXPECT_EQ(events->back().details().at("terms"), "--max-moved 2% --confirm-within 5m");
  EXPECT_EQ(events->back().plan_digest(), on_terms.plan().digest());
}

TEST_F(GovernanceTest, NobodyApprovesTheirOwnOrTwiceAndViewersNever) {
  const uint64_t id = ask();
  ASSERT_TRUE(approve(id, bob_).ok());

  const absl::Status own = approve(id, ann_).status();
  const absl::Status twice = approve(id, bob_).status();
  const absl::Status viewer = approve(id, eve_).status();
  const absl::Status nobody = approve(id, anybody()).status();

  EXPECT_EQ(own.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(text(own), HasSubstr("is ann's own"));
  EXPECT_EQ(twice.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(text(twice), HasSubstr("bob approved change 1 already"));
  EXPECT_EQ(viewer.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(text(viewer), HasSubstr("takes the role operator"));
  EXPECT_EQ(nobody.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(change(id).approvals(), SizeIs(1));
  EXPECT_TRUE(stored_is(1, 1));
}

TEST_F(GovernanceTest, ApprovalOfAnotherPlanIsRefused) {
  const uint64_t id = ask();
  v1::DecideChangeRequest request;
  request.set_id(id);
  request.set_plan_digest("what another plan had");

  const absl::Status other = changes_->decide(request, bob_).status();
  request.clear_plan_digest();
  const absl::Status none = changes_->decide(request, bob_).status();

  EXPECT_EQ(other.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(text(other), HasSubstr("for another plan"));
  EXPECT_EQ(none.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(change(id).approvals(), SizeIs(0));
}

TEST_F(GovernanceTest, MovedBaseVoidsApprovals) {
  const uint64_t id = ask();
  ASSERT_TRUE(approve(id, bob_).ok());

  ASSERT_TRUE(changes_->apply(unsigned_apply(pool_yaml("red")), bob_).ok());
  const absl::Status late = approve(id, cid_).status();

  EXPECT_EQ(change(id).state(), v1::PendingChange::STATE_VOID);
  EXPECT_EQ(late.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(text(late), HasSubstr("change 1 is void: it was planned on revision 1, and 2 is in"));
  EXPECT_EQ(event_kinds().back(), "change.void");
}

TEST_F(GovernanceTest, ChangeThatWaitedADayIsGivenUp) {
  const uint64_t id = ask();

  ASSERT_TRUE(changes_->tend(absl::Now() + absl::Hours(23)).ok());
  const v1::PendingChange before = change(id);
  ASSERT_TRUE(changes_->tend(absl::Now() + absl::Hours(25)).ok());

  EXPECT_EQ(before.state(), v1::PendingChange::STATE_PENDING);
  EXPECT_EQ(change(id).state(), v1::PendingChange::STATE_EXPIRED);
  EXPECT_EQ(event_kinds().back(), "change.expired");
  EXPECT_THAT(text(approve(id, bob_).status()), HasSubstr("change 1 is expired"));
}

TEST_F(GovernanceTest, OneAuthorCannotFillUpWhatWaits) {
  ask();
  v1::ApplyRequest request = unsigned_apply(kGuardrail);
  for (size_t asked = 1; asked < kOpenChangesOfAuthorMax; ++asked)
    EXPECT_EQ(changes_->apply(request, ann_).status().code(), absl::StatusCode::kPermissionDenied);

  const absl::Status too_many = changes_->apply(request, ann_).status();
  const absl::Status other = changes_->apply(request, root_).status();
  v1::DecideChangeRequest rejection;
  rejection.set_id(1);
  rejection.set_reject(true);
  rejection.set_message("too many");
  ASSERT_TRUE(changes_->decide(rejection, bob_).ok());

  EXPECT_EQ(too_many.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(text(too_many), HasSubstr("20 changes wait for approvals already, 20 of ann"));
  EXPECT_EQ(other.code(), absl::StatusCode::kPermissionDenied) << "others have room";
  EXPECT_EQ(changes_->apply(request, ann_).status().code(), absl::StatusCode::kPermissionDenied);
}

TEST_F(GovernanceTest, WhatWaitsIsBoundedInBytesAlsoAfterARestart) {
  ask();
  v1::ApplyRequest large = unsigned_apply(kGuardrail);
  large.mutable_change()->mutable_files(0)->mutable_yaml()->append("# " +
                                                                   std::string(40 << 20, 'x'));
  EXPECT_EQ(changes_->apply(large, ann_).status().code(), absl::StatusCode::kPermissionDenied);
  close();
  open();

  const absl::Status too_large = changes_->apply(large, ann_).status();

  EXPECT_EQ(too_large.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(text(too_large), HasSubstr("80 MiB of ann"));
  EXPECT_THAT(pending(), SizeIs(2));
}

TEST_F(GovernanceTest, ListsCarryNoFilesAndOneAskedForByItsIdDoes) {
  const uint64_t id = ask();

  EXPECT_THAT(pending()[0].request().change().files(), SizeIs(0));
  EXPECT_EQ(changes_->approvals().find(id)->request().change().files(0).yaml(), kGuardrail);
  EXPECT_EQ(changes_->approvals().find(99).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(GovernanceTest, RejectionNeedsAReasonAndEndsIt) {
  const uint64_t id = ask();
  v1::DecideChangeRequest request;
  request.set_id(id);
  request.set_reject(true);

  const absl::Status silent = changes_->decide(request, bob_).status();
  request.set_message("not before the audit");
  const auto rejected = changes_->decide(request, bob_);

  EXPECT_EQ(silent.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(rejected.ok()) << rejected.status();
  EXPECT_EQ(change(id).state(), v1::PendingChange::STATE_REJECTED);
  EXPECT_THAT(text(approve(id, bob_).status()),
              HasSubstr("change 1 is rejected: bob: not before the audit"));
}

TEST_F(GovernanceTest, ApprovalReplayedAfterItsUseIsRefused) {
  const uint64_t id = ask();
  ASSERT_TRUE(approve(id, bob_).ok());
  ASSERT_TRUE(approve(id, cid_).ok());

  const absl::Status again = approve(id, cid_).status();

  EXPECT_EQ(again.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(text(again), HasSubstr("change 1 is applied already"));
  EXPECT_TRUE(stored_is(2, 2));
}

TEST_F(GovernanceTest, LastApprovalDoesNotCountWhenANodeRefuses) {
  const uint64_t id = ask();
  ASSERT_TRUE(approve(id, bob_).ok());
  two_.refuse_stages("no memory");

  const absl::Status refused = approve(id, cid_).status();
  const size_t approvals = static_cast<size_t>(change(id).approvals_size());
  two_.refuse_stages("");

  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(approvals, 1U);
  EXPECT_TRUE(approve(id, cid_).ok());
}

TEST_F(GovernanceTest, PendingChangesSurviveARestart) {
  const uint64_t id = ask();
  ASSERT_TRUE(approve(id, bob_).ok());
  close();
  open();

  const auto last = approve(id, cid_);

  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(last->applied().revision(), 2U);
}

TEST_F(GovernanceTest, RollbackOfAGuardrailWaitsForApprovalsToo) {
  const uint64_t id = ask();
  ASSERT_TRUE(approve(id, bob_).ok());
  ASSERT_TRUE(approve(id, cid_).ok());

  const absl::Status status = changes_->rollback({}, ann_).status();
  const uint64_t back = pending().empty() ? 0 : pending()[0].id();
  ASSERT_TRUE(approve(back, bob_).ok());
  const auto last = approve(back, cid_);

  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ((*store_->list(1))[0].rollback_of(), 1U);
  EXPECT_THAT(changes_->running()->policy->guardrails(), SizeIs(0));
}

TEST_F(GovernanceTest, UnconfirmedRevisionRevertsByItselfAlsoAfterARestart) {
  apply(kPolicy);
  const auto applied = changes_->apply(confirmed(pool_yaml("red"), absl::Minutes(5)));
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_GT(time_of(applied->reverts_at()), absl::Now() + absl::Minutes(4));
  close();
  open();

  ASSERT_TRUE(changes_->tend(absl::Now() + absl::Minutes(4)).ok());
  const uint64_t before = changes_->running()->revision;
  ASSERT_TRUE(changes_->tend(absl::Now() + absl::Minutes(6)).ok());

  EXPECT_EQ(before, 2U);
  EXPECT_EQ(changes_->running()->revision, 3U);
  EXPECT_EQ(changes_->running()->policy->pools_size(), 2);
  EXPECT_FALSE(changes_->running()->waiting.has_value());
  const v1::RevisionEntry entry = (*store_->list(1))[0];
  EXPECT_EQ(entry.rollback_of(), 1U);
  EXPECT_EQ(entry.author(), "controller");
  EXPECT_EQ(entry.message(), "revision 2 was not confirmed in time");
  EXPECT_EQ(event_kinds().back(), "revert");
}

TEST_F(GovernanceTest, FirstRevisionRevertsToNothing) {
  ASSERT_TRUE(changes_->apply(confirmed(kPolicy, absl::Seconds(1))).ok());

  ASSERT_TRUE(changes_->tend(absl::Now() + absl::Minutes(1)).ok());

  EXPECT_EQ(changes_->running()->revision, 2U);
  EXPECT_EQ(changes_->running()->policy->pools_size(), 0);
}

TEST_F(GovernanceTest, ConfirmedRevisionStays) {
  apply(kPolicy);
  ASSERT_TRUE(changes_->apply(confirmed(pool_yaml("red"), absl::Minutes(5))).ok());
  v1::ConfirmRequest other;
  other.set_revision(1);

  const absl::Status wrong = changes_->confirm(other).status();
  const auto confirmed = changes_->confirm({});
  const absl::Status again = changes_->confirm({}).status();
  ASSERT_TRUE(changes_->tend(absl::Now() + absl::Minutes(6)).ok());

  EXPECT_EQ(wrong.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(text(wrong), HasSubstr("revision 2 does"));
  ASSERT_TRUE(confirmed.ok()) << confirmed.status();
  EXPECT_EQ(confirmed->revision(), 2U);
  EXPECT_EQ(again.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(changes_->running()->revision, 2U);
  EXPECT_FALSE(store_->load()->waiting.has_value());
}

TEST_F(GovernanceTest, LaterApplyIsRefusedWhileOneWaitsAndRollbackEndsIt) {
  apply(kPolicy);
  ASSERT_TRUE(changes_->apply(confirmed(pool_yaml("red"), absl::Minutes(5))).ok());

  const absl::Status later = changes_->apply(apply_of(pool_yaml("late"))).status();
  const auto back = changes_->rollback({});

  EXPECT_EQ(later.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(text(later), HasSubstr("revision 2 waits to be confirmed until"));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(changes_->running()->policy->pools_size(), 2);
  EXPECT_FALSE(changes_->running()->waiting.has_value());
  EXPECT_TRUE(changes_->apply(apply_of(pool_yaml("late"))).ok());
}

TEST_F(GovernanceTest, RevertThatFailsIsToldOnceTriedSeldomAndHoldsNothingElseUp) {
  apply(kPolicy);
  ASSERT_TRUE(changes_->apply(confirmed(pool_yaml("red"), absl::Minutes(5))).ok());
  StoredChange waits;
  waits.change.set_state(v1::PendingChange::STATE_PENDING);
  waits.change.mutable_plan()->set_base_revision(2);
  ASSERT_TRUE(ChangeStore(store_->shared()).add(waits, v1::Event()).ok());
  close();
  open();
  damage_policy(1);
  const absl::Time late = absl::Now() + absl::Hours(2);

  const absl::Status first = changes_->tend(late);
  const absl::Status at_once = changes_->tend(late);
  const absl::Status later = changes_->tend(late + absl::Minutes(1));

  EXPECT_FALSE(first.ok());
  EXPECT_TRUE(at_once.ok()) << "it is not tried again yet";
  EXPECT_FALSE(later.ok());
  const std::vector<std::string> kinds = event_kinds();
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "revert"), 1);
  EXPECT_EQ(change(waits.change.id()).state(), v1::PendingChange::STATE_EXPIRED);
}

TEST_F(GovernanceTest, NodeThatRefusesKeepsNobodyInWhatWasForAWhileOnly) {
  apply(kPolicy);
  ASSERT_TRUE(changes_->apply(confirmed(pool_yaml("red"), absl::Seconds(1))).ok());
  one_.refuse_stages("no memory");

  const absl::Status reverted = changes_->tend(absl::Now() + absl::Minutes(1));

  EXPECT_TRUE(reverted.ok()) << reverted;
  EXPECT_FALSE(changes_->running()->waiting.has_value());
  EXPECT_TRUE(testing::eventually([this] { return two_.running().revision() == 3; }));
  EXPECT_TRUE(testing::eventually([this] { return event_kinds().back() == "node.refused"; }));
  EXPECT_EQ(one_.running().revision(), 2U);
}

TEST_F(GovernanceTest, RollbackThatEndsAWaitGoesPastANodeThatRefuses) {
  apply(kPolicy);
  ASSERT_TRUE(changes_->apply(confirmed(pool_yaml("red"), absl::Minutes(5))).ok());
  one_.refuse_stages("no memory");

  const auto back = changes_->rollback({});

  ASSERT_TRUE(back.ok()) << back.status();
  ASSERT_THAT(back->nodes(), SizeIs(2));
  EXPECT_EQ(back->nodes(0).message(), "no memory");
  EXPECT_TRUE(back->nodes(1).committed());
}

TEST_F(GovernanceTest, BrokenGlassNeedsAnAdminAReasonAndEndsWithinTheHour) {
  ASSERT_TRUE(changes_->apply(unsigned_apply(kPolicy), ann_).ok());
  v1::ApplyRequest request = unsigned_apply(kGuardrail);
  request.set_break_glass(true);

  const absl::Status officer = changes_->apply(request, ann_).status();
  v1::ApplyRequest silent = request;
  silent.clear_message();
  const absl::Status without_reason = changes_->apply(silent, root_).status();
  v1::ApplyRequest endless = request;
  endless.mutable_confirm_within()->set_seconds(3601);
  const absl::Status too_long = changes_->apply(endless, root_).status();
  const auto applied = changes_->apply(request, root_);

  EXPECT_EQ(officer.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(text(officer), HasSubstr("to break glass takes the role admin"));
  EXPECT_EQ(without_reason.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(too_long.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_TRUE(applied.ok()) << applied.status();
  EXPECT_THAT(notice_of(*changes_->running()->waiting),
              HasSubstr("GLASS IS BROKEN: revision 2 by"));
  EXPECT_EQ(event_kinds().back(), "break-glass");
  EXPECT_THAT(text(changes_->confirm({}, root_).status()), HasSubstr("cannot be confirmed"));
  EXPECT_EQ(changes_->apply(unsigned_apply(pool_yaml("red")), root_).status().code(),
            absl::StatusCode::kAborted);
  ASSERT_TRUE(changes_->tend(absl::Now() + absl::Minutes(61)).ok());
  EXPECT_THAT(changes_->running()->policy->guardrails(), SizeIs(0));
}

TEST_F(GovernanceTest, GlassHealsWithinTheHourThoughTheClockIsSetBack) {
  ASSERT_TRUE(changes_->apply(unsigned_apply(kPolicy), ann_).ok());
  v1::ApplyRequest request = unsigned_apply(kGuardrail);
  request.set_break_glass(true);
  ASSERT_TRUE(changes_->apply(request, root_).ok());
  close();
  clock_jump_ = -absl::Hours(24);
  open();

  ASSERT_TRUE(changes_->tend(changes_->now()).ok());
  const bool holds = changes_->running()->waiting.has_value();
  const absl::Duration left = changes_->running()->waiting->deadline - changes_->now();
  ASSERT_TRUE(changes_->tend(changes_->now() + absl::Hours(1)).ok());

  EXPECT_TRUE(holds);
  EXPECT_LE(left, absl::Hours(1));
  EXPECT_FALSE(changes_->running()->waiting.has_value());
}

TEST_F(GovernanceTest, TimesAreGivenByTheServicesOwnClock) {
  clock_jump_ = absl::Hours(24);
  apply(kPolicy);

  const auto response = changes_->apply(confirmed(pool_yaml("red"), absl::Minutes(5)));

  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_GT(time_of(response->reverts_at()), absl::Now() + absl::Hours(24));
  ASSERT_TRUE(changes_->tend(changes_->now()).ok());
  EXPECT_TRUE(changes_->running()->waiting.has_value());
}

TEST_F(GovernanceTest, GlassBrokenTwiceHealsToWhatWasBeforeTheFirst) {
  ASSERT_TRUE(changes_->apply(unsigned_apply(kPolicy), ann_).ok());
  v1::ApplyRequest first = unsigned_apply(kGuardrail);
  first.set_break_glass(true);
  first.mutable_confirm_within()->set_seconds(60);
  v1::ApplyRequest second = unsigned_apply(pool_yaml("red"));
  second.set_break_glass(true);

  ASSERT_TRUE(changes_->apply(first, root_).ok());
  ASSERT_TRUE(changes_->apply(second, root_).ok());
  ASSERT_TRUE(changes_->tend(absl::Now() + absl::Seconds(61)).ok());

  EXPECT_EQ(changes_->running()->revision, 4U);
  EXPECT_EQ((*store_->list(1))[0].rollback_of(), 1U);
  EXPECT_THAT(changes_->running()->policy->guardrails(), SizeIs(0));
  EXPECT_THAT(changes_->running()->policy->pools(), SizeIs(2));
}

TEST_F(GovernanceTest, ChangeThatMovesTooManyLiveFlowsIsRefused) {
  apply(kPolicy);
  ASSERT_TRUE(testing::eventually([this] { return fleet_->nodes()[1].connected(); }));
  v1::FlowEffects effects;
  effects.set_flows(1000);
  effects.set_moved(20);
  effects.set_revoked(5);
  two_.set_effects(effects);
  v1::ApplyRequest request = apply_of(pool_yaml("red"));
  request.set_max_moved(20'000);

  const absl::Status refused = changes_->apply(request).status();
  const bool unchanged = stored_is(1, 1);
  request.set_max_moved(25'000);

  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(text(refused),
            "too much would move: 2.5 % of the live flows on node edge-2, and at most 2 % may");
  EXPECT_TRUE(unchanged);
  EXPECT_TRUE(changes_->apply(request).ok());
}

// It is planned before the change lock, because nodes are asked what would move.
TEST_F(GovernanceTest, ApprovedChangeThatCannotBePlannedAnyMoreSaysWhy) {
  apply(kPolicy);
  apply(
      "kind: Rollout\nmetadata: {name: v2}\nspec: {route: chat, stable: blue, candidate: green, "
      "paused: true, steps: [{weight: 10000}]}\n");
  ASSERT_FALSE(changes_->apply(unsigned_apply(kGuardrail), ann_).ok());
  const uint64_t guardrail = pending()[0].id();
  ASSERT_TRUE(approve(guardrail, bob_).ok());
  ASSERT_TRUE(approve(guardrail, cid_).ok());
  v1::ApplyRequest request = unsigned_apply(
      "kind: Route\nmetadata: {name: chat}\nspec: {service: chat, clients: {}, split: [{pool: "
      "blue, weight: 1}, {pool: green, weight: 1}]}\n");
  request.set_max_moved(1'000'000);
  ASSERT_FALSE(changes_->apply(request, ann_).ok());
  const uint64_t id = pending()[0].id();
  v1::RolloutStatus progressing;
  progressing.set_rollout("v2");
  progressing.set_phase(v1::ROLLOUT_PHASE_PROGRESSING);
  progressing.set_weight(10'000);
  ASSERT_TRUE(changes_->set_rollout(progressing, changes_->running()->revision).ok());
  ASSERT_TRUE(approve(id, bob_).ok());

  const absl::Status refused = approve(id, cid_).status();

  EXPECT_EQ(refused.code(), absl::StatusCode::kAborted);
  EXPECT_THAT(text(refused), HasSubstr("its split is divided by Rollout/v2"));
  EXPECT_TRUE(stored_is(3, changes_->running()->generation));
}

TEST(ChangeRules, TheLargestPartOfAnyClientsCounts) {
  v1::PlanResponse plan;
  v1::MovedClients& moved = *plan.add_moved();
  moved.set_service("chat");
  moved.set_client_class("eu");
  moved.set_moved(100'000);
  v1::ApplyRequest request;

  EXPECT_TRUE(check_moved(plan, request).ok());
  request.set_max_moved(99'999);
  EXPECT_THAT(std::string(check_moved(plan, request).message()),
              HasSubstr("10 % of class eu at service chat"));
  request.set_max_moved(100'000);
  EXPECT_TRUE(check_moved(plan, request).ok());
}

}  // namespace
}  // namespace sluice::controlplane

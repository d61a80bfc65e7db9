// SPDX-License-Identifier: Apache-2.0
//
// Verbs of governance: terms of an apply, approvals, recalls, events, backups.
#include "tests/unit/cli/cli_fixture.h"

namespace sluice::controlplane::cli {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class GovernanceVerbs : public Cli {
 protected:
  v1::PendingChange& pending() {
    v1::PendingChange& change = *control_.script().changes.add_changes();
    change.set_id(3);
    change.set_state(v1::PendingChange::STATE_PENDING);
    change.mutable_request()->set_author("ann");
    change.mutable_request()->set_message("tighter");
    change.mutable_plan()->set_base_revision(7);
    change.mutable_plan()->set_approvals(2);
    change.mutable_plan()->set_digest("\xab\xcd");
    v1::ObjectDiff& diff = *change.mutable_plan()->add_diff();
    diff.set_kind("Guardrail");
    diff.set_name("eu");
    diff.set_action(v1::ObjectDiff::ACTION_UPDATE);
    change.add_approvals()->set_approver("bob");
    change.mutable_expires()->set_seconds(1'800'000'000);
    return change;
  }
  v1::RecallCertificate& certificate() {
    v1::RecallCertificate& certificate = *control_.script().override_response.mutable_certificate();
    certificate.set_pool("chat-v2-eu");
    certificate.set_author("ann");
    certificate.set_reason("secrets");
    certificate.mutable_time()->set_seconds(1'800'000'000);
    v1::NodeRecall& node = *certificate.add_nodes();
    node.set_node("edge-1");
    node.set_is_reachable(true);
    node.mutable_status()->set_flows_cut(7);
    node.mutable_status()->set_is_swept(true);
    certificate.set_is_complete(true);
    return certificate;
  }
};

TEST_F(GovernanceVerbs, TermsOfAnApplyReachTheController) {
  ASSERT_EQ(run({"apply", "-f", "-", "--max-moved", "2%", "--confirm-within", "5m", "--ticket",
                 "T-9", "--strike", "-m", "why"},
                "kind: Route\n")
                .code,
            0);

  const v1::ApplyRequest& request = control_.script().apply_request;
  EXPECT_EQ(request.max_moved(), 20'000U);
  EXPECT_EQ(request.confirm_within().seconds(), 300);
  EXPECT_EQ(request.ticket(), "T-9");
  EXPECT_TRUE(request.change().strike());
  EXPECT_FALSE(request.break_glass());
}

TEST_F(GovernanceVerbs, BrokenGlassCarriesItsReason) {
  ASSERT_EQ(run({"apply", "-f", "-", "--break-glass", "--reason", "fire"}, "kind: Route\n").code,
            0);

  EXPECT_TRUE(control_.script().apply_request.break_glass());
  EXPECT_EQ(control_.script().apply_request.message(), "fire");
  EXPECT_EQ(run({"apply", "-f", "-", "--reason", "fire"}, "kind: Route\n").code, 3);
}

TEST_F(GovernanceVerbs, BaseIsARevision) {
  for (const char* wrong : {"-1", "x", "1.5", ""}) {
    const Outcome outcome = run({"apply", "-f", "-", "--base", wrong}, "kind: Route\n");

    EXPECT_EQ(outcome.code, 3) << wrong;
    EXPECT_TRUE(has(outcome.err, "is no whole number from 0")) << outcome.err;
  }
  EXPECT_EQ(run({"apply", "-f", "-", "--base=0"}, "kind: Route\n").code, 0);
  EXPECT_EQ(run({"delete", "pool/a", "--base", "-1"}).code, 3);
}

TEST_F(GovernanceVerbs, RecallOfSeveralIsOfAllOrOfNone) {
  v1::Pool& pool = *control_.script().policy.mutable_policy()->add_pools();
  pool.mutable_metadata()->set_name("a");
  pool.mutable_spec()->add_backends()->set_name("x");

  const Outcome outcome =
      run({"recall", "pool/a", "backend/a/x", "backend/a/y", "pool/b", "--reason", "secrets"});

  EXPECT_EQ(outcome.code, 4);
  EXPECT_TRUE(has(outcome.err, "there is no backend/a/y; nothing is recalled")) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "there is no pool/b")) << outcome.err;
  EXPECT_TRUE(control_.script().override_requests.empty());
}

TEST_F(GovernanceVerbs, MaxMovedIsAPercentage) {
  for (const char* wrong : {"2", "-1%", "101%", "two%", "%"}) {
    const Outcome outcome = run({"apply", "-f", "-", "--max-moved", wrong}, "kind: Route\n");

    EXPECT_EQ(outcome.code, 3) << wrong;
    EXPECT_TRUE(has(outcome.err, "write 2%")) << outcome.err;
  }
  run({"apply", "-f", "-", "--max-moved", "0.5%"}, "kind: Route\n");
  EXPECT_EQ(control_.script().apply_request.max_moved(), 5'000U);
}

TEST_F(GovernanceVerbs, PlanIsSavedByItsNameAndAppliedByIt) {
  control_.script().plan.set_base_revision(7);
  const std::string file = folder_.path("v2.binpb");

  const Outcome planned = run({"plan", "-f", "-", "-o", file, "-o", "json"}, "kind: Route\n");
  const Outcome applied = run({"apply", file});

  EXPECT_EQ(planned.code, 0) << planned.err;
  EXPECT_TRUE(has(planned.out, "\"base_revision\"")) << planned.out;
  EXPECT_EQ(applied.code, 0) << applied.err;
  EXPECT_EQ(control_.script().apply_request.change().base_revision(), 7U);
  EXPECT_EQ(run({"plan", "-f", "-", "-o", "xml"}, "kind: Route\n").code, 3);
}

TEST_F(GovernanceVerbs, ApproversSeeTheTerms) {
  v1::ApplyRequest& request = *pending().mutable_request();
  request.mutable_change()->set_strike(true);
  request.set_max_moved(5'000);
  request.mutable_confirm_within()->set_seconds(90);
  const std::string terms = "--strike --max-moved 0.5% --confirm-within 1m30s";

  EXPECT_TRUE(has(run({"get", "changes"}).out, terms));
  EXPECT_TRUE(has(run({"get", "changes/3"}).out, "terms: " + terms + "\n"));
  EXPECT_TRUE(has(run({"describe", "changes/3"}).out, "terms: " + terms + "\n"));
  EXPECT_TRUE(has(run({"approve", "3"}).out, "terms: " + terms + "\n"));
}

TEST_F(GovernanceVerbs, ChangeWithoutTermsSaysSo) {
  pending();

  EXPECT_TRUE(has(run({"approve", "3"}).out, "terms: none\n"));
}

TEST_F(GovernanceVerbs, RevertIsAnnounced) {
  control_.script().apply.set_revision(8);
  control_.script().apply.mutable_reverts_at()->set_seconds(1'800'000'000);

  const Outcome outcome = run({"apply", "-f", "-"}, "kind: Route\n");

  EXPECT_TRUE(has(outcome.err, "revision 8 reverts by itself at 2027-01-15T08:00:00Z"));
}

TEST_F(GovernanceVerbs, PlanSaysWhatEachNodesFlowsDoAndWhatItsTableCosts) {
  control_.script().plan.add_diff()->set_kind("Route");
  v1::NodeEffect& node = *control_.script().plan.add_nodes();
  node.set_node("edge-1");
  node.mutable_effects()->set_flows(9);
  node.mutable_effects()->set_moved(1);
  node.mutable_effects()->set_revoked(2);
  node.mutable_effects()->set_resteered(3);
  node.set_memory_bytes(5'400'000);
  node.mutable_build_time()->set_nanos(82'345'678);

  const Outcome outcome = run({"plan", "-f", "-"}, "kind: Route\n");

  EXPECT_TRUE(has(outcome.out,
                  "  node edge-1: 9 live flows: 1 move, 2 are refused, 3 stay though new ones "
                  "would go to another pool or backend; table 5.4M bytes, built in 82ms\n"))
      << outcome.out;
}

TEST_F(GovernanceVerbs, NoticesOfTheControllerAreShown) {
  control_.script().notice = "GLASS IS BROKEN";

  EXPECT_TRUE(has(run({"plan", "-f", "-"}, "kind: Route\n").err, "notice: GLASS IS BROKEN\n"));
}

TEST_F(GovernanceVerbs, ConfirmNamesTheRevisionThatStays) {
  const Outcome outcome = run({"confirm", "8"});

  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "revision 8 stays\n");
  EXPECT_EQ(control_.script().confirm_request.revision(), 8U);
}

TEST_F(GovernanceVerbs, ApprovalIsForThePlanThatIsShown) {
  pending();
  control_.script().decision.mutable_change()->set_state(v1::PendingChange::STATE_PENDING);

  const Outcome outcome = run({"approve", "3", "-m", "fine"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(has(outcome.out, "plan digest: abcd\n")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "~ Guardrail/eu")) << outcome.out;
  EXPECT_EQ(control_.script().decide_request.plan_digest(), "\xab\xcd");
  EXPECT_EQ(control_.script().decide_request.message(), "fine");
  EXPECT_FALSE(control_.script().decide_request.reject());
}

TEST_F(GovernanceVerbs, ApprovalOfAnotherDigestIsAConflict) {
  pending();

  const Outcome outcome = run({"approve", "3", "--digest", "abce"});

  EXPECT_EQ(outcome.code, 6);
  EXPECT_TRUE(has(outcome.err, "has the plan digest abcd, not abce")) << outcome.err;
  EXPECT_EQ(control_.script().decide_request.id(), 0U);
  EXPECT_EQ(run({"approve", "4"}).code, 4);
}

TEST_F(GovernanceVerbs, RefusedApprovalIsNotPermitted) {
  pending();
  control_.script().status = {grpc::PERMISSION_DENIED, "change 3 is ann's own"};

  EXPECT_EQ(run({"approve", "3"}).code, 5);
}

TEST_F(GovernanceVerbs, RejectionNeedsAReason) {
  pending();

  EXPECT_EQ(run({"reject", "3"}).code, 3);
  EXPECT_EQ(run({"reject", "3", "-m", "no"}).code, 0);
  EXPECT_TRUE(control_.script().decide_request.reject());
}

TEST_F(GovernanceVerbs, ChangesAreListed) {
  pending();

  EXPECT_EQ(run({"get", "changes"}).out,
            "CHANGE   STATE     AUTHOR   REVISION   APPROVALS     EXPIRES                TERMS   "
            "MESSAGE\n"
            "3        pending   ann      7          1 of 2: bob   2027-01-15T08:00:00Z   -       "
            "tighter\n");
  EXPECT_TRUE(has(run({"get", "changes/3"}).out, "plan digest: abcd"));
  EXPECT_EQ(run({"get", "changes/9"}).code, 4);
}

TEST_F(GovernanceVerbs, RecallShowsItsCertificate) {
  certificate();

  const Outcome outcome = run({"recall", "pool/chat-v2-eu", "--reason", "secrets"});

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.out,
            "pool/chat-v2-eu recalled at 2027-01-15T08:00:00Z by ann: secrets; complete\n"
            "  node edge-1: flows cut 7, residual 0\n");
  const v1::SetOverrideRequest& request = control_.script().override_requests.back();
  EXPECT_EQ(request.override().state(), v1::Override::STATE_RECALLED);
  EXPECT_EQ(request.message(), "secrets");
}

TEST_F(GovernanceVerbs, IncompleteRecallNamesTheNodesAndEndsInSeven) {
  v1::RecallCertificate& recall = certificate();
  recall.set_is_complete(false);
  recall.add_nodes()->set_node("edge-2");

  const Outcome outcome = run({"recall", "pool/chat-v2-eu", "--reason", "secrets"});

  EXPECT_EQ(outcome.code, 7);
  EXPECT_TRUE(has(outcome.out, "node edge-2: not reachable: cut when it returns")) << outcome.out;
  EXPECT_TRUE(has(outcome.err, "is incomplete on edge-2;")) << outcome.err;
}

TEST_F(GovernanceVerbs, RecallNeedsAReasonAndLiftDoesNot) {
  EXPECT_EQ(run({"recall", "pool/a"}).code, 3);
  EXPECT_EQ(run({"recall", "nonsense", "--reason", "x"}).code, 3);
  EXPECT_EQ(run({"recall", "backend/a/b", "--lift"}).code, 0);
  EXPECT_EQ(control_.script().override_requests.back().override().state(),
            v1::Override::STATE_UNSPECIFIED);
  EXPECT_EQ(control_.script().override_requests.back().lifts(), v1::Override::STATE_RECALLED);
}

TEST_F(GovernanceVerbs, UndrainDoesNotLiftARecall) {
  v1::Override& recall = *control_.script().policy.add_overrides();
  recall.set_pool("a");
  recall.set_state(v1::Override::STATE_RECALLED);

  const Outcome outcome = run({"undrain", "pool/a"});

  EXPECT_EQ(outcome.code, 6);
  EXPECT_TRUE(has(outcome.err, "pool/a is recalled, not drained")) << outcome.err;
  EXPECT_TRUE(control_.script().override_requests.empty());
}

TEST_F(GovernanceVerbs, EventsAreOneRowEachAndAWatchGoesOn) {
  v1::Event event;
  event.set_sequence(4);
  event.mutable_time()->set_seconds(1'800'000'000);
  event.set_kind("recall");
  event.set_actor("ann");
  event.set_target("pool/a");
  event.set_outcome(v1::Event::OUTCOME_DONE);
  event.set_reason("bad\x1b[2J");
  control_.script().events.resize(1);
  *control_.script().events[0].add_events() = event;

  const Outcome outcome = run({"events", "--kind", "recall", "--target", "pool/a", "-w"});

  EXPECT_EQ(outcome.out,
            "EVENT   TIME                   KIND     ACTOR   TARGET   OUTCOME   REASON\n"
            "4       2027-01-15T08:00:00Z   recall   ann     pool/a   done      bad\\x1b[2J\n");
  ASSERT_EQ(control_.script().event_requests.size(), 2U);
  EXPECT_EQ(control_.script().event_requests[0].kind(), "recall");
  EXPECT_EQ(control_.script().event_requests[0].after(), 0U);
  EXPECT_EQ(control_.script().event_requests[1].after(), 4U);
}

TEST_F(GovernanceVerbs, BackupIsCompleteOrNotThere) {
  control_.script().backup = {"abc", "def"};
  const std::string file = folder_.path("b.db");

  EXPECT_EQ(run({"backup", file}).code, 0);
  EXPECT_EQ(read("b.db"), "abcdef");
  EXPECT_EQ(run({"backup", file}).code, 1);  // never overwritten
  control_.script().status = {grpc::PERMISSION_DENIED, "no"};
  EXPECT_EQ(run({"backup", folder_.path("c.db")}).code, 5);
  EXPECT_EQ(read("c.db"), "");
  EXPECT_EQ(read("c.db.partial"), "");
}

TEST_F(GovernanceVerbs, HistoryShowsDiffsAndApprovers) {
  v1::RevisionEntry& entry = *control_.script().revisions.add_revisions();
  entry.set_revision(8);
  entry.mutable_time()->set_seconds(1'800'000'000);
  entry.set_author("ann");
  entry.set_message("tighter");
  entry.set_ticket("T-9");
  entry.add_approvers("bob");
  entry.add_approvers("cid");
  v1::ObjectDiff& diff = *entry.add_diff();
  diff.set_kind("Guardrail");
  diff.set_name("eu");
  diff.set_action(v1::ObjectDiff::ACTION_CREATE);

  EXPECT_EQ(run({"history", "--diff"}).out,
            "revision 8 of 2027-01-15T08:00:00Z by ann: tighter\n"
            "ticket: T-9\n"
            "approved by: bob, cid\n"
            "+ Guardrail/eu\n");
}

}  // namespace
}  // namespace sluice::controlplane::cli

// SPDX-License-Identifier: Apache-2.0
//
// Verbs about the policy: what they ask the controller and what they show.
#include "controlplane/policy/parse.h"
#include "google/protobuf/util/message_differencer.h"
#include "tests/unit/cli/cli_fixture.h"

namespace sluice::controlplane::cli {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class PolicyVerbs : public Cli {
 protected:
  PolicyVerbs() {
    v1::ObjectDiff& diff = *plan_.add_diff();
    diff.set_kind("Route");
    diff.set_name("chat");
    diff.set_action(v1::ObjectDiff::ACTION_CREATE);
    plan_.set_base_revision(7);
    v1::Policy& policy = *control_.script().policy.mutable_policy();
    control_.script().policy.set_revision(7);
    v1::Pool& pool = *policy.add_pools();
    pool.mutable_metadata()->set_name("chat-v1");
    (*pool.mutable_metadata()->mutable_labels())["version"] = "v1";
    v1::Backend& backend = *pool.mutable_spec()->add_backends();
    backend.set_name("a");
    backend.set_address("10.77.1.11");
    v1::Service& service = *policy.add_services();
    service.mutable_metadata()->set_name("chat");
    service.mutable_spec()->add_addresses("203.0.113.10");
    service.mutable_spec()->add_ports("tcp/80");
    v1::Route& route = *policy.add_routes();
    route.mutable_metadata()->set_name("chat");
    route.mutable_spec()->set_service("chat");
    v1::SplitEntry& entry = *route.mutable_spec()->add_split();
    entry.set_pool("chat-v1");
    entry.set_weight(1);
    v1::NodeEntry& node = *control_.script().nodes.add_nodes();
    node.set_name("edge-1");
    v1::BackendStatus& status = *node.mutable_status()->add_backends();
    status.set_pool("chat-v1");
    status.set_backend("a");
    status.set_state(v1::BACKEND_STATE_DOWN);
    status.set_reason("3 probes failed");
    status.mutable_since()->set_seconds(1'799'999'940);
  }

  v1::PlanResponse plan_;
};

class MonitoringGuardrail : public PolicyVerbs {
 protected:
  MonitoringGuardrail() {
    v1::GetPolicyResponse& answer = control_.script().policy;
    for (const char* name : {"enforced", "watched"}) {
      v1::Guardrail& guardrail = *answer.mutable_policy()->add_guardrails();
      guardrail.mutable_metadata()->set_name(name);
    }
    answer.mutable_policy()->mutable_guardrails(1)->mutable_spec()->set_mode(
        v1::GuardrailSpec::MODE_MONITOR);
    v1::WouldRefuse& count = *answer.add_would_refuse();
    count.set_guardrail("watched");
    count.set_flows(12);
    count.set_total_flows(340);
    count.mutable_last_time()->set_seconds(1'799'999'940);
  }
};

TEST_F(MonitoringGuardrail, IsListedWithTheFlowsThatItWouldHaveRefused) {
  const Outcome outcome = run({"get", "guardrails"});

  EXPECT_EQ(outcome.out,
            "NAME       MODE      SERVICES   CLIENTS   REQUIRE   WOULD REFUSE\n"
            "enforced   enforce   all        all       all       -\n"
            "watched    monitor   all        all       all       12 flows\n");
}

TEST_F(MonitoringGuardrail, HasThemInItsStatusForPrograms) {
  const Outcome outcome = run({"get", "guardrail", "watched", "-o", "json"});

  EXPECT_TRUE(has(outcome.out, "\"status\": {\n    \"would_refuse\": {")) << outcome.out;
  EXPECT_TRUE(has(outcome.out, "\"total_flows\": \"340\"")) << outcome.out;
  EXPECT_FALSE(has(run({"get", "guardrail", "enforced", "-o", "json"}).out, "status"));
}

TEST_F(MonitoringGuardrail, IsDescribedWithTheWayToItsRecords) {
  const Outcome outcome = run({"describe", "guardrail", "watched"});

  EXPECT_TRUE(has(outcome.out,
                  "Would have refused: 12 flows under this revision, 340 in all, the last one at "
                  "2027-01-15T07:59:00Z\n"
                  "See them: sluice audit query --would-refuse watched\n"))
      << outcome.out;
}

TEST_F(PolicyVerbs, PlanEndsInTwoWhenSomethingChanges) {
  control_.script().plan = plan_;

  const Outcome outcome = run({"plan", "-f", "-", "--prune", "--base", "7"}, "kind: Route\n");

  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out,
            "+ Route/chat\n\nPlan for revision 7: 1 to create, 0 to change, 0 to delete\n");
  const v1::Change& change = control_.script().plan_request.change();
  EXPECT_EQ(change.files(0).yaml(), "kind: Route\n");
  EXPECT_TRUE(change.prune());
  EXPECT_EQ(change.base_revision(), 7u);
}

TEST_F(PolicyVerbs, PlanEndsInZeroWhenNothingChanges) {
  control_.script().plan.set_base_revision(7);

  const Outcome outcome = run({"diff", "-f", "-"});

  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(has(outcome.err, "nothing changes"));
}

TEST_F(PolicyVerbs, PlanWarnsOnStandardError) {
  control_.script().plan = plan_;
  v1::Violation& warning = *control_.script().plan.add_warnings();
  warning.set_path("Guardrail/eu");
  warning.set_message("matches no client");

  const Outcome outcome = run({"plan", "-f", "-", "-o", "name"});

  EXPECT_EQ(outcome.out, "Route/chat\n");
  EXPECT_EQ(outcome.err, "warning: Guardrail/eu: matches no client\n");
}

TEST_F(PolicyVerbs, ASavedPlanIsAppliedToItsOwnRevisionOnly) {
  control_.script().plan = plan_;
  const std::string file = folder_.path("v2.plan");
  ASSERT_EQ(run({"plan", "-f", "-", "--out", file}, "kind: Route\n").code, 2);

  EXPECT_EQ(run({"apply", "--plan", file, "-m", "go"}).code, 0);

  const v1::ApplyRequest& request = control_.script().apply_request;
  EXPECT_EQ(request.change().base_revision(), 7u);
  EXPECT_EQ(request.change().files(0).yaml(), "kind: Route\n");
  EXPECT_EQ(request.author(), "");  // the controller knows who asks
  EXPECT_EQ(request.message(), "go");
}

TEST_F(PolicyVerbs, AFileThatIsNoPlanIsRefused) {
  const Outcome outcome = run({"apply", "--plan", write("x.plan", "kind: Route\n")});

  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(has(outcome.err, "is no plan file")) << outcome.err;
}

TEST_F(PolicyVerbs, ApplySaysWhatChangedAndWhichNodesHaveIt) {
  v1::ApplyResponse& response = control_.script().apply;
  *response.mutable_plan() = plan_;
  response.set_revision(8);
  response.set_generation(12);
  v1::NodeResult& committed = *response.add_nodes();
  committed.set_node("edge-1");
  committed.set_committed(true);
  v1::NodeResult& away = *response.add_nodes();
  away.set_node("edge-2");
  away.set_message("connection refused");

  const Outcome outcome = run({"apply", "-f", "-", "--author", "ci"}, "kind: Route\n");

  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.out,
            "Route/chat created\n"
            "revision 8, generation 12\n"
            "node edge-1: committed\n"
            "node edge-2: not yet, catches up by itself (connection refused)\n");
  EXPECT_EQ(control_.script().apply_request.author(), "ci");
}

TEST_F(PolicyVerbs, DeleteNamesObjectsAsThePolicyDoes) {
  EXPECT_EQ(run({"delete", "po/chat-v1", "route/chat"}).code, 0);

  const v1::Change& change = control_.script().apply_request.change();
  ASSERT_EQ(change.deletions_size(), 2);
  EXPECT_EQ(change.deletions(0), "Pool/chat-v1");
  EXPECT_EQ(change.deletions(1), "Route/chat");
}

TEST_F(PolicyVerbs, DeleteOfWhatIsNotThereIsNotFound) {
  EXPECT_EQ(run({"delete", "pool/none"}).code, 4);
}

TEST_F(PolicyVerbs, GetShowsOneRowPerObject) {
  EXPECT_EQ(run({"get", "pools"}).out,
            "NAME      FORWARDING   BACKENDS   MIN UP   DRAIN\n"
            "chat-v1   ipip         1          1        -\n");
  EXPECT_EQ(run({"get", "rt", "chat", "-o", "name"}).out, "Route/chat\n");
  EXPECT_EQ(run({"get", "pool/none"}).code, 4);
}

TEST_F(PolicyVerbs, GetAsJsonIsAListOrTheObject) {
  EXPECT_TRUE(has(run({"get", "pools", "-o", "json"}).out, "{\n  \"items\": [\n    {\n"));
  EXPECT_EQ(run({"get", "route/chat", "-o", "json"}).out.substr(0, 50),
            "{\n  \"apiVersion\": \"sluice/v1\",\n  \"kind\": \"Route\",\n");
}

TEST_F(PolicyVerbs, GetAsYamlIsPolicyThatValidates) {
  const Outcome yaml = run({"get", "all", "-o", "yaml"});
  ASSERT_EQ(yaml.code, 0) << yaml.err;

  const Outcome valid = run({"validate", "-f", "-"}, yaml.out);

  EXPECT_EQ(valid.code, 0) << valid.err << yaml.out;
  EXPECT_TRUE(has(valid.out, "valid: 1 services, 1 routes, 1 pools")) << valid.out;
}

TEST_F(MonitoringGuardrail, IsAmongWhatGetPrintsAndApplyTakesBackUnchanged) {
  v1::Policy& policy = *control_.script().policy.mutable_policy();
  v1::Pool& pool = *policy.mutable_pools(0);
  pool.mutable_spec()->set_forwarding(v1::FORWARDING_GUE);
  pool.mutable_spec()->mutable_eligible_until()->set_seconds(1'900'000'000);
  pool.mutable_spec()->mutable_health()->mutable_interval()->set_nanos(200'000'000);
  (*pool.mutable_metadata()->mutable_labels())["odd"] = "yes: \"1.10\"\n";
  for (const char* format : {"yaml", "json"}) {
    const Outcome printed = run({"get", "all", "-o", format});
    ASSERT_EQ(printed.code, 0) << printed.err;

    const Outcome applied = run({"apply", "-f", "-", "--prune"}, printed.out);

    EXPECT_EQ(applied.code, 0) << applied.err;
    Violations violations;
    const v1::PolicyFile& file = control_.script().apply_request.change().files(0);
    const ParsedPolicy parsed =
        parse_policy(std::vector<SourceFile>{{file.name(), file.yaml()}}, violations);
    EXPECT_TRUE(violations.empty()) << violations.front().message << printed.out;
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(parsed.policy, policy))
        << printed.out;
  }
}

TEST_F(PolicyVerbs, GetBackendsShowsWhatEachNodeSays) {
  EXPECT_EQ(run({"get", "backends"}).out,
            "POOL      NAME   ADDRESS      WEIGHT   NODE     STATE   SINCE   REASON\n"
            "chat-v1   a      10.77.1.11   1        edge-1   down    1m0s    3 probes failed\n");
}

TEST_F(PolicyVerbs, NamesOfBackendsAreWhatDrainTakes) {
  EXPECT_EQ(run({"get", "backends", "-o", "name"}).out, "backend/chat-v1/a\n");
}

TEST_F(PolicyVerbs, DescribeShowsRelations) {
  const Outcome pool = run({"describe", "pool", "chat-v1"});
  const Outcome service = run({"describe", "svc/chat"});

  EXPECT_EQ(pool.code, 0) << pool.err;
  EXPECT_TRUE(has(pool.out, "  chat    chat      all       1        -\n")) << pool.out;
  EXPECT_TRUE(has(pool.out, "3 probes failed")) << pool.out;
  EXPECT_EQ(service.code, 0) << service.err;
  EXPECT_TRUE(has(service.out, "  unknown   chat    chat-v1\n")) << service.out;
}

TEST_F(PolicyVerbs, HistoryIsNewestFirstAsTheServerSaysIt) {
  v1::RevisionEntry& entry = *control_.script().revisions.add_revisions();
  entry.set_revision(8);
  entry.mutable_time()->set_seconds(1'800'000'000);
  entry.set_author("ada");
  entry.set_message("v2 is slow");
  entry.set_updated(1);
  entry.set_rollback_of(6);

  EXPECT_EQ(run({"history"}).out,
            "REVISION   TIME                   AUTHOR   OBJECTS    MESSAGE\n"
            "8          2027-01-15T08:00:00Z   ada      +0 ~1 -0   rollback to 6: v2 is slow\n");
}

TEST_F(PolicyVerbs, RollbackAsksForTheRevision) {
  EXPECT_EQ(run({"rollback", "6", "-m", "slow"}).code, 0);
  const v1::RollbackRequest& request = control_.script().rollback_request;
  EXPECT_EQ(request.revision(), 6u);
  EXPECT_FALSE(request.strike() || request.break_glass() || request.has_max_moved() ||
               request.has_confirm_within());
  EXPECT_EQ(run({"rollback"}).code, 0);
  EXPECT_EQ(control_.script().rollback_request.revision(), 0u);
}

TEST_F(PolicyVerbs, DrainSetsOverridesOfPoolsAndBackends) {
  EXPECT_EQ(run({"drain", "pool/chat-v1", "backend/chat-v1/a", "-m", "new disks"}).code, 0);
  EXPECT_EQ(run({"undrain", "pool/chat-v1"}).code, 0);

  const auto& requests = control_.script().override_requests;
  ASSERT_EQ(requests.size(), 2u);
  EXPECT_EQ(requests[0].override().backend(), "");
  EXPECT_EQ(requests[0].override().state(), v1::Override::STATE_DRAINING);
  EXPECT_EQ(requests[0].message(), "new disks");
  ASSERT_EQ(requests[0].others_size(), 1);
  EXPECT_EQ(requests[0].others(0).backend(), "a");
  EXPECT_EQ(requests[0].others(0).state(), v1::Override::STATE_DRAINING);
  EXPECT_EQ(requests[1].override().state(), v1::Override::STATE_UNSPECIFIED);
}

TEST_F(PolicyVerbs, DrainOfUnknownNamesIsNotFoundAndNamesThemAll) {
  control_.script().status = {grpc::NOT_FOUND, "there is no pool \"x\"\nthere is no pool \"y\""};

  const Outcome outcome = run({"drain", "pool/chat-v1", "pool/x", "pool/y"});

  EXPECT_EQ(outcome.code, 4);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "error: there is no pool \"x\"\nthere is no pool \"y\"\n");
  EXPECT_EQ(control_.script().override_requests.size(), 1u);
}

TEST_F(PolicyVerbs, UndrainTellsOfEachWhetherItWasDrained) {
  v1::Override& drain = *control_.script().policy.add_overrides();
  drain.set_pool("chat-v1");
  drain.set_state(v1::Override::STATE_DRAINING);

  const Outcome outcome = run({"undrain", "pool/chat-v1", "backend/chat-v1/a"});

  EXPECT_EQ(outcome.out,
            "pool/chat-v1 no longer drained, generation 0\n"
            "backend/chat-v1/a not drained, generation 0\n");
}

TEST_F(PolicyVerbs, UndrainOfWhatIsNotDrainedDoesNotClaimAChange) {
  const Outcome outcome = run({"undrain", "pool/chat-v1"});

  EXPECT_EQ(outcome.code, 0);
  EXPECT_TRUE(has(outcome.out, "pool/chat-v1 not drained")) << outcome.out;
}

TEST_F(PolicyVerbs, ValidateNeedsNoServerAndListsEveryViolation) {
  environment_["SLUICE_SERVER"] = "unix:/nobody.sock";
  const std::string file =
      write("bad.yaml", "kind: Pool\nmetadata: {name: BAD}\nspec: {minUp: 1}\n");

  const Outcome outcome = run({"validate", "-f", file});

  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(has(outcome.err, file + ":2: ")) << outcome.err;
  EXPECT_TRUE(has(outcome.err, file + ":3: ")) << outcome.err;
}

TEST_F(PolicyVerbs, ValidateRefusesFilesWithoutAnyObject) {
  const Outcome outcome = run({"validate", "-f", write("empty.yaml", "# nothing\n---\n")});

  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(has(outcome.err, "empty.yaml: holds no object")) << outcome.err;
}

TEST_F(PolicyVerbs, RollbackIsOnTheTermsOfAnApply) {
  EXPECT_EQ(run({"rollback", "6", "--strike", "--max-moved", "2%", "--confirm-within", "5m",
                 "--break-glass", "--reason", "it burns", "--ticket", "T-1", "--author", "ann"})
                .code,
            0);

  const v1::RollbackRequest& request = control_.script().rollback_request;
  EXPECT_TRUE(request.strike());
  EXPECT_EQ(request.max_moved(), 20'000u);
  EXPECT_EQ(request.confirm_within().seconds(), 300);
  EXPECT_TRUE(request.break_glass());
  EXPECT_EQ(request.message(), "it burns");
  EXPECT_EQ(request.ticket(), "T-1");
  EXPECT_EQ(request.author(), "ann");
}

TEST_F(PolicyVerbs, RollbackTellsWhenItRevertsByItself) {
  control_.script().apply.set_revision(8);
  control_.script().apply.mutable_reverts_at()->set_seconds(1'800'000'300);

  const Outcome outcome = run({"rollback", "6", "--confirm-within", "5m"});

  EXPECT_TRUE(has(outcome.err, "revision 8 reverts by itself at 2027-01-15T08:05:00Z"))
      << outcome.err;
}

TEST_F(PolicyVerbs, ValidateShowsWhatGuardrailsRefuse) {
  const std::string yaml = run({"get", "all", "-o", "yaml"}).out +
                           "---\nkind: Guardrail\nmetadata: {name: residency}\nspec: {require: "
                           "{match_labels: {jurisdiction: eu}}}\n";

  const Outcome outcome = run({"validate", "-f", "-"}, yaml);

  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(has(outcome.err, "residency")) << outcome.err;
  EXPECT_TRUE(has(outcome.err, "guardrail refusal")) << outcome.err;
}

TEST_F(PolicyVerbs, CompileWritesATableWithKeyAndNumbers) {
  const std::string policy = write("p.yaml", run({"get", "all", "-o", "yaml"}).out);
  const std::string key = write("key", "000102030405060708090a0b0c0d0e0f\n");
  const std::string out = folder_.path("table.binpb");

  const Outcome outcome = run(
      {"compile", "-f", policy, "-o", out, "--key", key, "--generation", "9", "--revision", "4"});

  ASSERT_EQ(outcome.code, 0) << outcome.err;
  v1::ForwardingTable table;
  ASSERT_TRUE(table.ParseFromString(read("table.binpb")));
  EXPECT_EQ(table.generation(), 9u);
  EXPECT_EQ(table.revision(), 4u);
  EXPECT_EQ(table.steering_key().size(), 16u);
  EXPECT_EQ(table.steering_key()[1], 1);
  EXPECT_EQ(table.pools_size(), 1);
}

TEST_F(PolicyVerbs, CompileToStandardOutputInJson) {
  const std::string policy = run({"get", "all", "-o", "yaml"}).out;

  const Outcome outcome = run({"compile", "-f", "-", "-o", "-", "--format", "json"}, policy);

  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(has(outcome.out, "\"10.77.1.11\"")) << outcome.out;
}

TEST_F(PolicyVerbs, CompileRefusesAKeyOfAnotherLength) {
  const Outcome outcome = run({"compile", "-f", "-", "-o", "-", "--key", write("key", "short")});

  EXPECT_EQ(outcome.code, 1);
  EXPECT_TRUE(has(outcome.err, "16 bytes or 32 hexadecimal digits")) << outcome.err;
}

}  // namespace
}  // namespace sluice::controlplane::cli

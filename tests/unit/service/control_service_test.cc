// SPDX-License-Identifier: Apache-2.0
//
// What a client of the Control service sees: codes, details, merged answers.
#include "controlplane/service/control_service.h"

#include <gtest/gtest.h>

#include "dataplane/rpc/status.h"
#include "gmock/gmock.h"
#include "tests/unit/service/change_fixture.h"

namespace sluice::controlplane {
namespace {

using testing::eventually;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ControlServiceTest : public ChangeFixture {
 protected:
  void SetUp() override {
    ChangeFixture::SetUp();
    events_ = std::make_unique<EventLog>(store_->shared());
    recalls_ = std::make_unique<Recalls>(*store_, *fleet_, *events_);
  }
  ControlService service() {
    return ControlService({*changes_, *store_, *fleet_, *records_, *events_, *recalls_, *archive_,
                           rollouts_->runner(), "9.9",
                           [this](const grpc::ServerContext*) { return caller_; }, strangers_});
  }
  std::unique_ptr<TableArchive> archive_ = *TableArchive::open(directory_.path("audit"));
  std::unique_ptr<EventLog> events_;
  std::unique_ptr<Recalls> recalls_;
  Caller caller_ = anybody();
  CallMeter strangers_;
  grpc::ServerContext* context_ = nullptr;  // no handler looks at it
};

TEST_F(ControlServiceTest, EveryViolationTravelsInTheDetail) {
  const v1::ApplyRequest request =
      apply_of("kind: Pool\nmetadata: {name: bad}\nspec: {table_slots: 250, min_up: 0}\n");
  v1::ApplyResponse response;

  const grpc::Status status = service().Apply(context_, &request, &response);

  EXPECT_EQ(status.error_code(), grpc::INVALID_ARGUMENT);
  const v1::ErrorDetail detail = detail_of(status);
  ASSERT_THAT(detail.violations(), SizeIs(2));
  EXPECT_EQ(detail.violations(0).file(), "policy.yaml");
  EXPECT_EQ(detail.violations(0).line(), 3U);
  EXPECT_THAT(detail.violations(0).path(), HasSubstr("Pool/bad.spec"));
}

TEST_F(ControlServiceTest, PolicyOfEachRevisionCanBeRead) {
  apply(kPolicy);
  apply(pool_yaml("red"));
  v1::GetPolicyRequest newest;
  v1::GetPolicyRequest first;
  first.set_revision(1);
  v1::GetPolicyRequest unknown;
  unknown.set_revision(7);
  v1::GetPolicyResponse response;

  EXPECT_TRUE(service().GetPolicy(context_, &newest, &response).ok());
  EXPECT_EQ(response.revision(), 2U);
  EXPECT_EQ(response.generation(), 2U);
  EXPECT_THAT(response.policy().pools(), SizeIs(3));
  response.Clear();
  EXPECT_TRUE(service().GetPolicy(context_, &first, &response).ok());
  EXPECT_EQ(response.revision(), 1U);
  EXPECT_THAT(response.policy().pools(), SizeIs(2));
  EXPECT_EQ(service().GetPolicy(context_, &unknown, &response).error_code(), grpc::NOT_FOUND);
}

TEST_F(ControlServiceTest, PolicySaysWhatEachMonitoringGuardrailWouldHaveRefused) {
  apply(std::string(kPolicy) +
        "---\nkind: Guardrail\nmetadata: {name: quiet}\nspec: {mode: monitor}\n"
        "---\nkind: Guardrail\nmetadata: {name: residency}\nspec: {mode: monitor, require: "
        "{match_labels: {jurisdiction: eu}}}\n"
        "---\nkind: Guardrail\nmetadata: {name: strict}\nspec: {}\n");
  v1::FlowRecord record;
  record.set_node("edge-1");
  record.set_incarnation("one");
  record.set_sequence(1);
  record.set_revision(1);
  record.add_would_refuse("residency");
  record.add_would_refuse("strict");
  ASSERT_TRUE(records_->insert("edge-1", {&record, 1}).ok());
  const v1::GetPolicyRequest newest;
  v1::GetPolicyResponse response;

  ASSERT_TRUE(service().GetPolicy(context_, &newest, &response).ok());

  ASSERT_THAT(response.would_refuse(), SizeIs(2));  // what is enforced would not, it does
  EXPECT_EQ(response.would_refuse(0).guardrail(), "quiet");
  EXPECT_EQ(response.would_refuse(0).flows(), 0U);
  EXPECT_FALSE(response.would_refuse(0).has_last_time());
  EXPECT_EQ(response.would_refuse(1).guardrail(), "residency");
  EXPECT_EQ(response.would_refuse(1).flows(), 1U);
}

TEST_F(ControlServiceTest, NodesFlowsAndCountersAreThoseOfAllNodes) {
  ASSERT_TRUE(eventually(
      [this] { return fleet_->nodes()[0].connected() && fleet_->nodes()[1].connected(); }));
  const v1::ListFlowsRequest flows_request;
  v1::ListFlowsResponse first;
  v1::ListNodesResponse nodes;
  v1::ListCountersResponse counters;

  EXPECT_TRUE(service().ListFlows(context_, &flows_request, &first).ok());
  EXPECT_TRUE(service().ListNodes(context_, nullptr, &nodes).ok());
  EXPECT_TRUE(service().ListCounters(context_, nullptr, &counters).ok());

  EXPECT_THAT(first.flows(), SizeIs(1));
  EXPECT_EQ(first.next_page_token(), "edge-1/second");
  EXPECT_THAT(nodes.nodes(), SizeIs(2));
  EXPECT_THAT(counters.nodes(), SizeIs(2));
}

TEST_F(ControlServiceTest, CallerWithoutARoleIsToldNothingButTheVersion) {
  caller_ = {"eve", v1::ROLE_UNSPECIFIED, true};
  v1::GetPolicyResponse policy;
  v1::ListEventsResponse events;
  v1::GetVersionResponse version;
  const v1::ListEventsRequest all;
  const v1::GetPolicyRequest newest;

  const grpc::Status refused = service().GetPolicy(context_, &newest, &policy);

  EXPECT_EQ(refused.error_code(), grpc::PERMISSION_DENIED);
  EXPECT_EQ(refused.error_message(), "eve has no role; to read the policy takes the role viewer");
  EXPECT_EQ(service().ListEvents(context_, &all, &events).error_code(), grpc::PERMISSION_DENIED);
  EXPECT_TRUE(service().GetVersion(context_, nullptr, &version).ok());
}

TEST_F(ControlServiceTest, CallerWithoutARoleWritesNoEvents) {
  apply(kPolicy);
  caller_ = {"eve", v1::ROLE_UNSPECIFIED, true};
  v1::SetOverrideRequest request;
  request.mutable_override()->set_pool(std::string(100'000, 'a'));
  request.mutable_override()->set_state(v1::Override::STATE_DRAINING);
  v1::SetOverrideResponse response;

  const grpc::Status refused = service().SetOverride(context_, &request, &response);

  EXPECT_EQ(refused.error_code(), grpc::PERMISSION_DENIED);
  EXPECT_THAT(*events_->list({}), SizeIs(1)) << "the apply's";
}

TEST_F(ControlServiceTest, WhatARefusalQuotesIsCut) {
  apply(kPolicy);
  v1::SetOverrideRequest request;
  request.mutable_override()->set_pool(std::string(100'000, 'a'));
  request.mutable_override()->set_state(v1::Override::STATE_DRAINING);
  request.set_message(std::string(100'000, 'b'));
  v1::SetOverrideResponse response;

  EXPECT_EQ(service().SetOverride(context_, &request, &response).error_code(), grpc::NOT_FOUND);

  const v1::Event event = events_->list({})->back();
  EXPECT_EQ(event.target().size(), kEventTextBytesMax);
  EXPECT_LE(event.ByteSizeLong(), 4 * kEventTextBytesMax);
}

TEST(CallMeter, TellsOneCallAndHowManyThereWereSince) {
  const CallMeter::Time begin;
  CallMeter meter;

  EXPECT_EQ(meter.take(begin), 1U);
  EXPECT_EQ(meter.take(begin + CallMeter::kPause / 2), 0U);
  EXPECT_EQ(meter.take(begin + CallMeter::kPause), 2U);
}

TEST_F(ControlServiceTest, DiffOfARevisionIsFromTheOneBefore) {
  apply(kPolicy);
  apply(pool_yaml("red"));
  v1::ListRevisionsRequest request;
  request.set_with_diff(true);
  v1::ListRevisionsResponse response;

  ASSERT_TRUE(service().ListRevisions(context_, &request, &response).ok());

  ASSERT_THAT(response.revisions(), SizeIs(2));
  ASSERT_THAT(response.revisions(0).diff(), SizeIs(1));
  EXPECT_EQ(response.revisions(0).diff(0).name(), "red");
  EXPECT_THAT(response.revisions(1).diff(), SizeIs(4));
}

TEST_F(ControlServiceTest, RecallAnswersWithItsCertificate) {
  apply(kPolicy);
  one_.sweep_recalls(0, 7);
  two_.sweep_recalls(0, 0);
  ASSERT_TRUE(eventually([this] { return fleet_->nodes()[1].connected(); }));
  v1::SetOverrideRequest request;
  request.mutable_override()->set_pool("green");
  request.mutable_override()->set_state(v1::Override::STATE_RECALLED);
  request.set_message("wrong answers");
  v1::SetOverrideResponse response;

  const grpc::Status status = service().SetOverride(context_, &request, &response);

  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(response.certificate().is_complete());
  EXPECT_EQ(response.certificate().nodes(0).status().flows_cut(), 7U);
}

TEST_F(ControlServiceTest, VersionIsTheProgramsOwn) {
  v1::GetVersionResponse response;

  EXPECT_TRUE(service().GetVersion(context_, nullptr, &response).ok());
  EXPECT_EQ(response.version(), "9.9");
}

}  // namespace
}  // namespace sluice::controlplane

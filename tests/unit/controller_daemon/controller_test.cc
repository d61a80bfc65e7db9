// SPDX-License-Identifier: Apache-2.0
//
// A whole controller: roles at the socket, what happens by itself, backup, loss, restore.
#include "controlplane/daemon/controller.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "controlplane/store/backup.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "sluice/v1/control.grpc.pb.h"
#include "tests/support/eventually.h"
#include "tests/support/fake_dataplane.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using testing::eventually;
using ::testing::HasSubstr;

constexpr char kPools[] = R"(
kind: Pool
metadata: {name: blue, labels: {jurisdiction: eu}}
spec: {table_slots: 251, backends: [{name: b1, address: 10.0.0.1}]}
---
kind: Service
metadata: {name: chat}
spec: {addresses: [203.0.113.10], ports: [tcp/80]}
---
kind: Route
metadata: {name: chat}
spec: {service: chat, clients: {}, split: [{pool: blue, weight: 1}]}
)";

class ControllerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    settings_.listen = "unix:" + directory_.path("c.sock");
    settings_.nodes = {{"edge-1", node_.address()}};
    settings_.store_path = directory_.path("store/c.db");
    settings_.audit_directory = directory_.path("audit");
    settings_.retention = absl::Hours(1);
    start();
  }
  void start() {
    auto controller = Controller::start(settings_);
    ASSERT_TRUE(controller.ok()) << controller.status();
    controller_ = *std::move(controller);
    stub_ = v1::Control::NewStub(
        grpc::CreateChannel(settings_.listen, *channel_credentials(settings_.listen, {})));
  }
  void stop() {
    stub_.reset();
    controller_.reset();
  }
  grpc::Status apply(const std::string& yaml, int confirm_seconds = 0) {
    v1::ApplyRequest request;
    v1::PolicyFile& file = *request.mutable_change()->add_files();
    file.set_name("policy.yaml");
    file.set_yaml(yaml);
    if (confirm_seconds != 0) request.mutable_confirm_within()->set_seconds(confirm_seconds);
    grpc::ClientContext context;
    v1::ApplyResponse response;
    const grpc::Status status = stub_->Apply(&context, request, &response);
    notices_.clear();
    for (const auto& [key, value] : context.GetServerTrailingMetadata()) {
      if (key == "sluice-notice") notices_.emplace_back(value.data(), value.size());
    }
    return status;
  }
  std::vector<v1::Event> events(const std::string& kind) {
    grpc::ClientContext context;
    v1::ListEventsRequest request;
    request.set_kind(kind);
    v1::ListEventsResponse response;
    EXPECT_TRUE(stub_->ListEvents(&context, request, &response).ok());
    return {response.events().begin(), response.events().end()};
  }
  std::string back_up() {
    grpc::ClientContext context;
    const std::string path = directory_.path("backup.db");
    std::ofstream file(path, std::ios::binary);
    const auto reader = stub_->Backup(&context, {});
    v1::BackupResponse piece;
    while (reader->Read(&piece))
      file << piece.chunk();
    const grpc::Status status = reader->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return path;
  }

  testing::TemporaryDirectory directory_;
  testing::FakeDataplane node_{"edge-1", directory_.path("node.sock")};
  ControllerSettings settings_;
  std::unique_ptr<Controller> controller_;
  std::unique_ptr<v1::Control::Stub> stub_;
  std::vector<std::string> notices_;
};

TEST_F(ControllerTest, EveryDeedLeavesAnEventDoneOrRefused) {
  ASSERT_TRUE(apply(kPools).ok());
  ASSERT_TRUE(apply(kPools).ok());
  ASSERT_FALSE(apply("kind: Pool\nmetadata: {name: bad}\nspec: {table_slots: 250}\n").ok());
  grpc::ClientContext context;
  v1::ConfirmResponse response;
  EXPECT_EQ(stub_->Confirm(&context, {}, &response).error_code(), grpc::NOT_FOUND);

  const std::vector<v1::Event> all = events("");

  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].target(), "revision/1");
  EXPECT_EQ(all[0].outcome(), v1::Event::OUTCOME_DONE);
  EXPECT_FALSE(all[0].plan_digest().empty());
  EXPECT_EQ(all[1].details().at("effect"), "nothing changed");
  EXPECT_EQ(all[2].outcome(), v1::Event::OUTCOME_REFUSED);
  EXPECT_THAT(all[2].reason(), HasSubstr("the policy is not valid"));
  EXPECT_EQ(all[3].kind(), "confirm");
  EXPECT_EQ(all[3].outcome(), v1::Event::OUTCOME_REFUSED);
  EXPECT_EQ(all[3].revision(), 1U);
}

TEST_F(ControllerTest, CallerWithoutTheRoleIsRefusedAndThatIsWrittenDown) {
  if (::geteuid() != 0) GTEST_SKIP() << "the test names root's role";
  stop();
  v1::RoleBinding binding;
  binding.set_role(v1::ROLE_VIEWER);
  binding.add_users(0);
  settings_.roles = {binding};
  start();

  const grpc::Status status = apply(kPools);

  EXPECT_EQ(status.error_code(), grpc::PERMISSION_DENIED);
  EXPECT_EQ(status.error_message(), "root has the role viewer; to apply takes the role operator");
  ASSERT_EQ(events("apply").size(), 1U);
  EXPECT_EQ(events("apply")[0].actor(), "root");
  EXPECT_EQ(events("apply")[0].outcome(), v1::Event::OUTCOME_REFUSED);
}

TEST_F(ControllerTest, OverdueRevisionIsRevertedAtTheNextStart) {
  ASSERT_TRUE(apply(kPools).ok());
  ASSERT_TRUE(apply("kind: Pool\nmetadata: {name: red}\nspec: {table_slots: 251}\n", 1).ok());
  stop();
  absl::SleepFor(absl::Seconds(1));
  start();

  EXPECT_TRUE(eventually([this] { return events("revert").size() == 1; }));
  EXPECT_TRUE(eventually([this] { return node_.running().revision() == 3; }));
}

TEST_F(ControllerTest, EverybodyIsToldWhileARevisionWaits) {
  ASSERT_TRUE(apply(kPools, 300).ok());
  ASSERT_TRUE(apply(kPools).ok());

  ASSERT_EQ(notices_.size(), 1U);
  EXPECT_THAT(notices_[0], HasSubstr("revision 1 by root reverts at"));
}

TEST_F(ControllerTest, RestoredControllerTakesTheFleetBack) {
  ASSERT_TRUE(apply(kPools).ok());
  const std::string backup = back_up();
  // What happens after the backup is lost with the store, and nodes run it.
  ASSERT_TRUE(apply("kind: Pool\nmetadata: {name: red}\nspec: {table_slots: 251}\n").ok());
  ASSERT_TRUE(apply("kind: Pool\nmetadata: {name: tan}\nspec: {table_slots: 251}\n").ok());
  ASSERT_EQ(node_.running().generation(), 3U);
  stop();
  std::filesystem::remove_all(directory_.path("store"));

  const auto restored = restore_store(backup, settings_.store_path);
  ASSERT_TRUE(restored.ok()) << restored.status();
  start();

  EXPECT_EQ(restored->revision, 1U);
  EXPECT_EQ(restored->term, 1U);
  EXPECT_TRUE(eventually([this] {
    return node_.running().term() == 1 && node_.running().generation() > 3 &&
           node_.running().revision() == 1;
  }));
  ASSERT_TRUE(apply("kind: Pool\nmetadata: {name: new}\nspec: {table_slots: 251}\n").ok());
  EXPECT_EQ(node_.running().revision(), 2U);
  EXPECT_EQ(events("restore")[0].kind(), "restore");
}

TEST_F(ControllerTest, RestoreRefusesWhatItCannotTrust) {
  ASSERT_TRUE(apply(kPools).ok());
  const std::string backup = back_up();
  const std::string damaged = directory_.path("damaged.db");
  std::filesystem::copy_file(backup, damaged);
  std::fstream(damaged, std::ios::binary | std::ios::in | std::ios::out).seekp(4096)
      << std::string(4096, '\x5a');
  const std::string fresh = directory_.path("fresh.db");

  const absl::Status there = restore_store(backup, settings_.store_path).status();
  const absl::Status broken = restore_store(damaged, fresh).status();
  const absl::Status absent = restore_store(directory_.path("none"), fresh).status();

  EXPECT_EQ(there.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(there.message()), HasSubstr("does not overwrite it"));
  EXPECT_FALSE(broken.ok());
  EXPECT_THAT(std::string(broken.message()), HasSubstr(damaged));
  EXPECT_EQ(absent.code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(fresh));
}

}  // namespace
}  // namespace sluice::controlplane

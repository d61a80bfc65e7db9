// SPDX-License-Identifier: Apache-2.0
//
// Local sockets at start: a live server is respected, a dead one's socket is not.
#include "controlplane/daemon/listener.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/server_builder.h"
#include "sluice/v1/control.grpc.pb.h"
#include "tests/support/grpc_health.h"
#include "tests/support/temporary_directory.h"

namespace sluice::controlplane {
namespace {

using ::testing::HasSubstr;

TEST(Listener, SocketOfALiveServerIsLeftAlone) {
  const testing::TemporaryDirectory directory;
  const std::string address = "unix:" + directory.path("new/c.sock");
  v1::Control::Service service;
  v1::Control::Service other;
  const auto first = listen(address, {}, service);
  ASSERT_TRUE(first.ok()) << first.status();

  const auto second = listen(address, {}, other);

  EXPECT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("another server is running on"));
}

TEST(Listener, ServerSaysThatItServes) {
  const testing::TemporaryDirectory directory;
  const std::string address = "unix:" + directory.path("c.sock");
  v1::Control::Service service;
  const auto server = listen(address, {}, service);
  ASSERT_TRUE(server.ok()) << server.status();

  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  EXPECT_EQ(testing::grpc_health(channel), "SERVING");
}

TEST(Listener, SocketThatNobodyServesIsReplaced) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.path("c.sock");
  v1::Control::Service service;
  // What a killed server leaves: the name stays, nobody listens.
  const auto live = listen("unix:" + directory.path("live.sock"), {}, service);
  std::filesystem::create_hard_link(directory.path("live.sock"), path);
  (*live)->Shutdown();

  EXPECT_TRUE(prepare_socket("unix:" + path).ok());
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Listener, FileThatIsNoSocketIsKept) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.path("precious");
  std::ofstream(path) << "text";

  const absl::Status status = prepare_socket("unix:" + path);

  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(std::filesystem::exists(path));
}

TEST(Listener, PortThatIsTakenIsOneClearLine) {
  v1::Control::Service service;
  v1::Control::Service other;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", *server_credentials("127.0.0.1:0", {}), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> first = builder.BuildAndStart();

  const auto second = listen("127.0.0.1:" + std::to_string(port), {}, other);

  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
}

}  // namespace
}  // namespace sluice::controlplane

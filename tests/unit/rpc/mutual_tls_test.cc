// SPDX-License-Identifier: Apache-2.0
//
// Real handshakes over loopback: who is let in, who is not.
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "dataplane/rpc/endpoint.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "sluice/v1/dataplane.grpc.pb.h"
#include "tests/unit/rpc/test_authority.h"

namespace sluice {
namespace {

constexpr std::string_view kLoopback = "127.0.0.1:0";

class NodeService final : public v1::Dataplane::Service {
  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    response->set_node("edge-1");
    return grpc::Status::OK;
  }
};

struct Listener {
  NodeService service;
  int port = 0;
  std::unique_ptr<grpc::Server> server;

  Listener(const std::string& address, const TlsFiles& tls) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, *server_credentials(address, tls), &port);
    builder.RegisterService(&service);
    server = builder.BuildAndStart();
  }
  std::string address() const { return "127.0.0.1:" + std::to_string(port); }
};

grpc::Status ask(const std::string& address,
                 std::shared_ptr<grpc::ChannelCredentials> credentials) {
  const auto channel = grpc::CreateChannel(address, std::move(credentials));
  const auto stub = v1::Dataplane::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  v1::GetStatusResponse response;
  grpc::Status status = stub->GetStatus(&context, {}, &response);
  EXPECT_EQ(response.node(), status.ok() ? "edge-1" : "");
  return status;
}

TEST(MutualTls, PeersOfOneAuthorityTalk) {
  TestAuthority authority("authority");
  Listener listener(std::string(kLoopback), authority.issue("node"));

  EXPECT_TRUE(ask(listener.address(),
                  *channel_credentials(listener.address(), authority.issue("controller")))
                  .ok());
}

TEST(MutualTls, ClientOfAnotherAuthorityIsRefused) {
  TestAuthority authority("authority");
  TestAuthority stranger("stranger");
  Listener listener(std::string(kLoopback), authority.issue("node"));
  TlsFiles intruder = stranger.issue("intruder");
  intruder.peer_ca = authority.certificate_path();

  const grpc::Status status =
      ask(listener.address(), *channel_credentials(listener.address(), intruder));

  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(MutualTls, ServerOfAnotherAuthorityIsRefused) {
  TestAuthority authority("authority");
  TestAuthority stranger("stranger");
  TlsFiles impostor = stranger.issue("impostor");
  impostor.peer_ca = authority.certificate_path();
  Listener listener(std::string(kLoopback), impostor);

  const grpc::Status status = ask(
      listener.address(), *channel_credentials(listener.address(), authority.issue("controller")));

  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST(MutualTls, ClientWithoutCertificateIsRefused) {
  TestAuthority authority("authority");
  const TlsFiles files = authority.issue("node");
  Listener listener(std::string(kLoopback), files);
  const auto anonymous = grpc::SslCredentials({});

  EXPECT_FALSE(ask(listener.address(), anonymous).ok());
  EXPECT_FALSE(ask(listener.address(), grpc::InsecureChannelCredentials()).ok());
}

TEST(LocalSocket, NeedsNoFiles) {
  const std::string address = "unix:" + (std::filesystem::temp_directory_path() /
                                         ("sluice_rpc_" + std::to_string(getpid()) + ".sock"))
                                            .string();
  Listener listener(address, {});

  EXPECT_TRUE(ask(address, *channel_credentials(address, {})).ok());
}

TEST(Loopback, NeedsNoFiles) {
  Listener listener(std::string(kLoopback), {});

  EXPECT_TRUE(ask(listener.address(), *channel_credentials(listener.address(), {})).ok());
}

}  // namespace
}  // namespace sluice

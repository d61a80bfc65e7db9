// SPDX-License-Identifier: Apache-2.0
//
// Identities of real callers: users of this host by the kernel's word, certificates by TLS.
#include "controlplane/daemon/local_listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <optional>

#include "controlplane/daemon/listener.h"
#include "controlplane/service/caller.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/create_channel_posix.h"
#include "grpcpp/server_builder.h"
#include "sluice/v1/control.grpc.pb.h"
#include "tests/support/grpc_health.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/rpc/test_authority.h"

namespace sluice::controlplane {
namespace {

using ::testing::HasSubstr;

constexpr uid_t kOperator = 4'000'001;
constexpr uid_t kStranger = 4'000'002;

// Answers with the name and the role of whoever asks.
class WhoAmI final : public v1::Control::Service {
 public:
  explicit WhoAmI(CallerOf caller) : caller_(std::move(caller)) {}
  grpc::Status GetVersion(grpc::ServerContext* context, const v1::GetVersionRequest*,
                          v1::GetVersionResponse* response) override {
    const Caller caller = caller_(context);
    response->set_version(caller.name + " " + std::string(name_of(caller.role)));
    return grpc::Status::OK;
  }

 private:
  CallerOf caller_;
};

std::string ask(const std::shared_ptr<grpc::Channel>& channel) {
  const auto stub = v1::Control::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  v1::GetVersionResponse response;
  const grpc::Status status = stub->GetVersion(&context, {}, &response);
  return status.ok() ? response.version() : "error: " + status.error_message();
}

// A connection that this user made; -1: it was not let in. Only the thread that connects is of that
// user: the kernel keeps credentials by thread, and the C library's call would change all of them.
int connect_as(uid_t user, const std::string& path) {
  int handle = -1;
  std::thread thread([&] {
    const bool is_other = ::syscall(SYS_setgroups, 0, nullptr) == 0 &&
                          ::syscall(SYS_setresgid, -1, user, -1) == 0 &&
                          ::syscall(SYS_setresuid, -1, user, -1) == 0;
    if (!is_other) return;
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    handle = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(handle, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      ::close(handle);
      handle = -1;
    }
  });
  thread.join();
  if (handle >= 0) ::fcntl(handle, F_SETFL, O_NONBLOCK);
  return handle;
}

class LocalListenerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "other users can only be played by root";
    v1::RoleBinding binding;
    binding.set_role(v1::ROLE_OPERATOR);
    binding.add_users(kOperator);
    roles_ = RoleBook({binding});
    ::chmod(directory_.path("").c_str(), 0755);
  }
  void start(SocketAccess access) {
    auto listener = LocalListener::start(
        path_, access,
        {.has_role = [this](uid_t user) { return roles_.has_role(user); },
         .service_of =
             [this](std::optional<uid_t> user) {
               const Caller caller =
                   user ? roles_.local(*user) : Caller{"a stranger", v1::ROLE_UNSPECIFIED, true};
               return std::make_unique<WhoAmI>(
                   [caller](const grpc::ServerContext*) { return caller; });
             }});
    ASSERT_TRUE(listener.ok()) << listener.status();
    listener_ = *std::move(listener);
  }
  std::string ask_as(uid_t user) {
    const int handle = connect_as(user, path_);
    return handle < 0 ? "not let in" : ask(grpc::CreateInsecureChannelFromFd("local", handle));
  }

  testing::TemporaryDirectory directory_;
  const std::string path_ = directory_.path("c.sock");
  RoleBook roles_;
  std::unique_ptr<LocalListener> listener_;
};

TEST_F(LocalListenerTest, EachUserIsKnownByTheKernelsWord) {
  start(SocketAccess::kEverybody);

  EXPECT_EQ(ask_as(kOperator), "uid:4000001 operator");
  EXPECT_EQ(ask_as(kStranger), "a stranger none");
  EXPECT_EQ(ask_as(0), "a stranger none");
  EXPECT_EQ(ask_as(kOperator), "uid:4000001 operator");
}

TEST_F(LocalListenerTest, OrdinaryClientsReachIt) {
  start(SocketAccess::kOwnerAndGroup);
  const std::string address = "unix:" + path_;

  EXPECT_EQ(ask(grpc::CreateChannel(address, *channel_credentials(address, {}))),
            "a stranger none");
  EXPECT_EQ(testing::grpc_health(grpc::CreateChannel(address, *channel_credentials(address, {}))),
            "SERVING");
}

TEST_F(LocalListenerTest, WithoutRolesTheFileSaysWhoMayConnect) {
  start(SocketAccess::kOwnerAndGroup);

  EXPECT_EQ(ask_as(kStranger), "not let in");
}

TEST_F(LocalListenerTest, UsersWithoutARoleLockNobodyElseOut) {
  start(SocketAccess::kEverybody);
  std::vector<int> connections;
  for (uid_t user = 5'000'000; user < 5'000'100; ++user)
    connections.push_back(connect_as(user, path_));

  EXPECT_EQ(ask_as(kOperator), "uid:4000001 operator");
  EXPECT_THAT(ask_as(kStranger), HasSubstr("error: ")) << "they are turned away, for a while";
  for (const int connection : connections)
    ::close(connection);
}

TEST_F(LocalListenerTest, ConnectionOfAUserWithoutARoleEndsBeforeTheNextOnesMayCome) {
  start(SocketAccess::kEverybody);
  const int connection = connect_as(kStranger, path_);
  ASSERT_GE(connection, 0);

  pollfd look = {.fd = connection, .events = POLLIN, .revents = 0};
  const auto begin = std::chrono::steady_clock::now();
  char bytes[256];
  ssize_t got = 1;
  while (got > 0 && ::poll(&look, 1, 8000) > 0)
    got = ::read(connection, bytes, sizeof bytes);

  EXPECT_EQ(got, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(6));
  ::close(connection);
}

TEST_F(LocalListenerTest, SocketGoesWithTheListener) {
  start(SocketAccess::kEverybody);

  listener_->shut_down(std::chrono::system_clock::now());

  EXPECT_NE(::access(path_.c_str(), F_OK), 0);
}

TEST(RemoteCaller, CertificateSaysWhoCalls) {
  TestAuthority authority("fleet");
  v1::RoleBinding binding;
  binding.set_role(v1::ROLE_OFFICER);
  binding.add_names("ann.example.net");
  const RoleBook roles({binding});
  WhoAmI service(
      [&](const grpc::ServerContext* context) { return roles.remote(*context->auth_context()); });
  const TlsFiles server_files = authority.issue("controller");
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", *server_credentials("127.0.0.1:1", server_files), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ASSERT_NE(server, nullptr);
  const std::string address = "127.0.0.1:" + std::to_string(port);
  const auto ask_with = [&](const TlsFiles& files) {
    return ask(grpc::CreateChannel(address, *channel_credentials(address, files)));
  };

  EXPECT_EQ(ask_with(authority.issue("ann.example.net")), "ann.example.net officer");
  EXPECT_EQ(ask_with(authority.issue("eve.example.net")), "eve.example.net none");
  server->Shutdown();
}

}  // namespace
}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// A local socket whose callers are told apart by their user.
#include "controlplane/daemon/local_listener.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "controlplane/daemon/listener.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server_builder.h"
#include "grpcpp/server_posix.h"

namespace sluice::controlplane {
namespace {

constexpr int kBacklog = 128;
// Each has a server with threads of its own; operators of one host are few.
constexpr size_t kUsersMax = 64;
constexpr int kLookMs = 100;  // how long a stop may go unseen
// A question after the version takes milliseconds. Connections of callers without a role end after
// this long whatever they do, so that no more of them are open than may come in meanwhile.
constexpr std::chrono::seconds kStrangerAgeMax{4};
constexpr std::chrono::seconds kStrangerGrace{1};
constexpr std::chrono::seconds kStrangerWindow{6};  // gRPC adds up to a tenth to an age
constexpr size_t kStrangersMax = 32;

absl::Status cannot(const std::string& path, const char* what) {
  return absl::UnavailableError(
      absl::StrCat("listen: cannot ", what, " ", path, ": ", std::strerror(errno)));
}

enum class Stay { kAny, kShort };

std::unique_ptr<grpc::Server> server_without_port(grpc::Service& service, Stay stay) {
  grpc::EnableDefaultHealthCheckService(true);  // grpc.health.v1, of every server built from now
  grpc::ServerBuilder builder;
  if (stay == Stay::kShort) {
    builder.AddChannelArgument(
        GRPC_ARG_MAX_CONNECTION_AGE_MS,
        static_cast<int>(std::chrono::milliseconds(kStrangerAgeMax).count()));
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS,
                               static_cast<int>(std::chrono::milliseconds(kStrangerGrace).count()));
  }
  builder.SetMaxReceiveMessageSize(kReceiveBytesMax);
  builder.RegisterService(&service);
  return builder.BuildAndStart();
}

}  // namespace

LocalListener::LocalListener(int handle, std::string path, LocalCallers callers)
    : handle_(handle),
      path_(std::move(path)),
      callers_(std::move(callers)),
      thread_([this] { run(); }) {}

absl::StatusOr<std::unique_ptr<LocalListener>> LocalListener::start(const std::string& path,
                                                                    SocketAccess access,
                                                                    LocalCallers callers) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    errno = ENAMETOOLONG;
    return cannot(path, "listen on");
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int handle = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (handle < 0) return cannot(path, "open a socket for");
  const mode_t mode = access == SocketAccess::kEverybody ? 0666 : 0660;
  const bool is_open =
      ::bind(handle, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
      ::chmod(path.c_str(), mode) == 0 && ::listen(handle, kBacklog) == 0;
  if (!is_open) {
    const absl::Status status = cannot(path, "listen on");
    ::close(handle);
    return status;
  }
  return std::unique_ptr<LocalListener>(new LocalListener(handle, path, std::move(callers)));
}

LocalListener::~LocalListener() {
  shut_down(std::chrono::system_clock::now());
}

void LocalListener::run() {
  while (!is_stopping_) {
    pollfd look = {.fd = handle_, .events = POLLIN, .revents = 0};
    if (::poll(&look, 1, kLookMs) <= 0) continue;
    const int connection = ::accept4(handle_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection >= 0) {
      take(connection);
    } else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
      // Out of descriptors, say: those who wait are not lost, and the log is not flooded.
      spdlog::error("listen: {}: accept: {}", path_, std::strerror(errno));
      ::poll(nullptr, 0, kLookMs);
    }
  }
}

void LocalListener::take(int connection) {
  ucred peer = {};
  socklen_t size = sizeof peer;
  if (::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
    spdlog::error("listen: {}: who calls is not known: {}", path_, std::strerror(errno));
    ::close(connection);
    return;
  }
  std::optional<uid_t> user;
  if (callers_.has_role(peer.uid)) user = peer.uid;
  grpc::Server* server = user || admit_stranger() ? server_of(user) : nullptr;
  if (server == nullptr) {
    ::close(connection);
    return;
  }
  grpc::AddInsecureChannelFromFd(server, connection);  // which owns it from now on
}

bool LocalListener::admit_stranger() {
  const auto now = std::chrono::steady_clock::now();
  while (!strangers_.empty() && strangers_.front() < now - kStrangerWindow)
    strangers_.pop_front();
  if (strangers_.size() >= kStrangersMax) return false;
  strangers_.push_back(now);
  return true;
}

grpc::Server* LocalListener::server_of(std::optional<uid_t> user) {
  if (const auto found = servers_.find(user); found != servers_.end()) {
    return found->second.server.get();
  }
  if (user && servers_.size() > kUsersMax) {
    spdlog::warn("listen: {}: user {} is turned away: {} other users called already", path_, *user,
                 kUsersMax);
    return nullptr;
  }
  UserServer made;
  made.service = callers_.service_of(user);
  made.server = server_without_port(*made.service, user ? Stay::kAny : Stay::kShort);
  if (made.server == nullptr) {
    spdlog::error("listen: {}: no server can be made for {}", path_,
                  user ? absl::StrCat("user ", *user) : "users without a role");
    return nullptr;
  }
  return servers_.emplace(user, std::move(made)).first->second.server.get();
}

void LocalListener::shut_down(std::chrono::system_clock::time_point deadline) {
  if (is_stopping_.exchange(true)) return;
  thread_.join();
  ::unlink(path_.c_str());
  ::close(handle_);
  for (auto& [user, each] : servers_)
    each.server->Shutdown(deadline);
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The gRPC server of the controller on its endpoint.
#include "controlplane/daemon/listener.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server_builder.h"

namespace sluice::controlplane {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUnix = "unix:";
constexpr mode_t kSocketMode = 0660;  // who may write to it may connect

// Whether somebody accepts connections on the socket.
bool is_served(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int handle = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (handle < 0) return false;
  const int result =
      ::connect(handle, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const bool served = result == 0 || errno == EAGAIN;  // EAGAIN: its queue is full
  ::close(handle);
  return served;
}

absl::Status cannot_listen(const std::string& address, const char* why) {
  return absl::UnavailableError(absl::StrCat("listen: cannot listen on ", address, ": ", why));
}

// Whether the port is free: gRPC tells it in many lines, and not why.
absl::Status try_port(const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int unknown = ::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found);
  if (unknown != 0) return cannot_listen(address, gai_strerror(unknown));
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  const int handle = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int one = 1;
  ::setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const bool is_free = ::bind(handle, found->ai_addr, found->ai_addrlen) == 0;
  const int error = errno;
  ::close(handle);
  if (is_free) return absl::OkStatus();
  return cannot_listen(
      address, error == EADDRINUSE ? "the port is in use by another server; stop that or configure "
                                     "another port"
                                   : std::strerror(error));
}

}  // namespace

absl::Status prepare_socket(const std::string& address) {
  if (address.rfind(kUnix, 0) != 0) return try_port(address);
  const std::string path = address.substr(kUnix.size());
  std::error_code failure;
  fs::create_directories(fs::path(path).parent_path(), failure);
  if (failure) {
    return absl::UnavailableError(
        absl::StrCat("listen: cannot make the directory of ", path, ": ", failure.message()));
  }
  const fs::file_status status = fs::symlink_status(path, failure);
  if (!fs::exists(status)) return absl::OkStatus();
  if (!fs::is_socket(status)) {
    return absl::FailedPreconditionError(absl::StrCat("listen: ", path, " is no socket; move it"));
  }
  if (is_served(path)) {
    return absl::FailedPreconditionError(absl::StrCat("listen: another server is running on ", path,
                                                      "; stop it or configure another path"));
  }
  fs::remove(path, failure);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<grpc::Server>> listen(const std::string& address,
                                                     const TlsFiles& tls, grpc::Service& service) {
  if (absl::Status status = prepare_socket(address); !status.ok()) return status;
  const auto credentials = server_credentials(address, tls);
  if (!credentials.ok()) return credentials.status();
  grpc::EnableDefaultHealthCheckService(true);  // grpc.health.v1, of every server built from now
  grpc::ServerBuilder builder;
  // Without this two servers would share a port and each get some of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetMaxReceiveMessageSize(kReceiveBytesMax);
  int port = 0;
  builder.AddListeningPort(address, *credentials, &port);
  builder.RegisterService(&service);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return cannot_listen(address, "the address is in use or not one of this host's");
  }
  if (address.rfind(kUnix, 0) == 0) ::chmod(address.c_str() + kUnix.size(), kSocketMode);
  return server;
}

}  // namespace sluice::controlplane

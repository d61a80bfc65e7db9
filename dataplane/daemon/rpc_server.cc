// SPDX-License-Identifier: Apache-2.0
//
// Claims the endpoint, starts gRPC on it.
#include "dataplane/daemon/rpc_server.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "dataplane/daemon/disk.h"
#include "dataplane/daemon/status_text.h"
#include "dataplane/rpc/endpoint.h"
#include "fmt/format.h"
#include "grpcpp/health_check_service_interface.h"
#include "grpcpp/server_builder.h"

namespace sluice::dataplane {
namespace {

constexpr std::string_view kUnixScheme = "unix:";
constexpr mode_t kSocketMode = 0660;
constexpr int kPollersMax = 4;

bool is_unix(const std::string& listen) {
  return listen.rfind(kUnixScheme, 0) == 0;
}
std::string path_of(const std::string& listen) {
  return listen.substr(kUnixScheme.size());
}

absl::Status cannot_listen(const std::string& listen, std::string_view why) {
  return absl::FailedPreconditionError(fmt::format("cannot listen on {}: {}", listen, why));
}

absl::Status claim_unix(const std::string& listen) {
  const std::string path = path_of(listen);
  const std::string directory = std::filesystem::path(path).parent_path().string();
  if (absl::Status made = make_directory(directory); !made.ok())
    return cannot_listen(listen, text_of(made));
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) return absl::OkStatus();
  if (!S_ISSOCK(status.st_mode))
    return cannot_listen(listen, "a file that is no socket has this name");

  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    return cannot_listen(listen, "another server listens there");
  }
  if (errno != ECONNREFUSED) return cannot_listen(listen, std::strerror(errno));
  if (unlink(path.c_str()) != 0) return cannot_listen(listen, std::strerror(errno));
  return absl::OkStatus();
}

absl::Status claim_tcp(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  std::string host = listen.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), listen.c_str() + colon + 1, &hints, &found);
      error != 0) {
    return cannot_listen(listen, gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, freeaddrinfo);
  const Descriptor socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int one = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (bind(socket.get(), found->ai_addr, found->ai_addrlen) == 0) return absl::OkStatus();
  return cannot_listen(listen,
                       errno == EADDRINUSE ? "another server listens there" : std::strerror(errno));
}

}  // namespace

absl::Status claim_endpoint(const std::string& listen) {
  return is_unix(listen) ? claim_unix(listen) : claim_tcp(listen);
}

absl::StatusOr<std::unique_ptr<grpc::Server>> serve(const NodeSettings& settings,
                                                    v1::Dataplane::Service& service) {
  auto credentials = server_credentials(settings.listen, settings.tls);
  if (!credentials.ok()) return credentials.status();
  grpc::EnableDefaultHealthCheckService(true);  // grpc.health.v1, of every server built from now
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(settings.listen, *credentials, &port);
  builder.RegisterService(&service);
  // Two servers on one port would share its calls, each call with the wrong one half of the time.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, kPollersMax);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0)
    return cannot_listen(settings.listen, "gRPC refuses to start");
  if (is_unix(settings.listen)) chmod(path_of(settings.listen).c_str(), kSocketMode);
  return server;
}

}  // namespace sluice::dataplane

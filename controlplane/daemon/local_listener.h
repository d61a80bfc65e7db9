// SPDX-License-Identifier: Apache-2.0
//
// A local socket whose callers are told apart by their user.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "grpcpp/impl/codegen/service_type.h"
#include "grpcpp/server.h"

namespace sluice::controlplane {

// The service that callers of this user get; it knows who they are.
using ServiceOfUser = std::function<std::unique_ptr<grpc::Service>(uid_t user)>;

enum class SocketAccess {
  kOwnerAndGroup,  // the file's permissions say who may connect
  kEverybody,      // roles say who may do what
};

// gRPC does not tell a handler which user is at the other end of a local socket, the kernel does
// when the connection is accepted. So connections are accepted here, and each user has a server
// of its own, without a port, that is handed this user's connections. A thread accepts.
class LocalListener {
 public:
  // `path` is a prepared socket path.  Errors: UNAVAILABLE (it cannot be listened on).
  static absl::StatusOr<std::unique_ptr<LocalListener>> start(const std::string& path,
                                                              SocketAccess access,
                                                              ServiceOfUser service_of);
  ~LocalListener();

  // Accepts nobody any more; calls that run get until `deadline`. To be called once.
  void shut_down(std::chrono::system_clock::time_point deadline);

 private:
  struct UserServer {
    std::unique_ptr<grpc::Service> service;
    std::unique_ptr<grpc::Server> server;
  };

  LocalListener(int handle, std::string path, ServiceOfUser service_of);
  void run();
  void take(int connection);
  // Null: too many users.
  grpc::Server* server_of(uid_t user);

  const int handle_;
  const std::string path_;
  const ServiceOfUser service_of_;
  std::atomic<bool> is_stopping_{false};
  std::map<uid_t, UserServer> servers_;  // the accepting thread's, then `shut_down`'s
  std::thread thread_;
};

}  // namespace sluice::controlplane

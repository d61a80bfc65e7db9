// SPDX-License-Identifier: Apache-2.0
//
// A local socket whose callers are told apart by their user.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "grpcpp/impl/codegen/service_type.h"
#include "grpcpp/server.h"

namespace sluice::controlplane {

struct LocalCallers {
  // Whether this user may do more than ask whom it reached.
  std::function<bool(uid_t)> has_role;
  // The service that callers of this user get; it knows who they are. Null: all who have no role.
  std::function<std::unique_ptr<grpc::Service>(std::optional<uid_t>)> service_of;
};

enum class SocketAccess {
  kOwnerAndGroup,  // the file's permissions say who may connect
  kEverybody,      // roles say who may do what
};

// gRPC does not tell a handler which user is at the other end of a local socket, the kernel does
// when the connection is accepted. So connections are accepted here, and each user has a server
// of its own, without a port, that is handed this user's connections. Those without a role share
// one, for a short time each and few at once: they take nothing from the others. A thread accepts.
class LocalListener {
 public:
  // `path` is a prepared socket path.  Errors: UNAVAILABLE (it cannot be listened on).
  static absl::StatusOr<std::unique_ptr<LocalListener>> start(const std::string& path,
                                                              SocketAccess access,
                                                              LocalCallers callers);
  ~LocalListener();

  // Accepts nobody any more; calls that run get until `deadline`. To be called once.
  void shut_down(std::chrono::system_clock::time_point deadline);

 private:
  struct UserServer {
    std::unique_ptr<grpc::Service> service;
    std::unique_ptr<grpc::Server> server;
  };

  LocalListener(int handle, std::string path, LocalCallers callers);
  void run();
  void take(int connection);
  // Whether one more may come in who has no role.
  bool admit_stranger();
  // Null: too many users.
  grpc::Server* server_of(std::optional<uid_t> user);

  const int handle_;
  const std::string path_;
  const LocalCallers callers_;
  std::atomic<bool> is_stopping_{false};
  // Null: of all who have no role. The accepting thread's, then `shut_down`'s; likewise the next.
  std::map<std::optional<uid_t>, UserServer> servers_;
  std::deque<std::chrono::steady_clock::time_point> strangers_;  // when the last ones came in
  std::thread thread_;
};

}  // namespace sluice::controlplane

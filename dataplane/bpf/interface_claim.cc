// SPDX-License-Identifier: Apache-2.0
//
// A claim is a listening abstract socket; who else tries learns the holder's process id by
// connecting.
#include "dataplane/bpf/interface_claim.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

namespace sluice::dataplane {
namespace {

// The process that listens at `address`; 0 when it cannot be told.
pid_t holder_of(const sockaddr* address, socklen_t size) {
  const OwnedFd probe(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  ucred peer{};
  socklen_t peer_size = sizeof(peer);
  if (connect(probe.get(), address, size) != 0 ||
      getsockopt(probe.get(), SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) != 0) {
    return 0;
  }
  return peer.pid;
}

}  // namespace

absl::StatusOr<InterfaceClaim> InterfaceClaim::take(std::string_view purpose,
                                                    std::string_view interface) {
  const std::string name = fmt::format("sluice/{}/{}", purpose, interface);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  name.copy(address.sun_path + 1, sizeof(address.sun_path) - 1);
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);

  OwnedFd claim(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (bind(claim.get(), generic, size) == 0 && listen(claim.get(), 1) == 0) {
    return InterfaceClaim(std::move(claim));
  }
  if (errno == EADDRINUSE) {
    return absl::FailedPreconditionError(fmt::format("interface {} is already served by process {}",
                                                     interface, holder_of(generic, size)));
  }
  return absl::InternalError(
      fmt::format("cannot claim interface {}: {}", interface, std::strerror(errno)));
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// One process per interface and purpose: tells a program left by a crash from one that a live
// process serves.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "dataplane/bpf/xdp_program.h"

namespace sluice::dataplane {

// Holds the claim until it goes or the process dies. The name is an abstract socket's, so it is
// private to the network namespace and the kernel gives it back after any kind of death.
class InterfaceClaim {
 public:
  // Errors: FAILED_PRECONDITION (a live process has it, named by its id).
  static absl::StatusOr<InterfaceClaim> take(std::string_view purpose, std::string_view interface);

 private:
  explicit InterfaceClaim(OwnedFd socket) : socket_(std::move(socket)) {}
  OwnedFd socket_;
};

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// The steering program on one interface, told which endpoints to hand over.
#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/bpf/xdp_program.h"
#include "dataplane/net/ip_address.h"
#include "dataplane/port/kernel_interface.h"
#include "dataplane/port/port_set.h"

namespace sluice::dataplane {

class SteeringProgram {
 public:
  // Detaches what a crashed run left on the interface.
  // Errors: FAILED_PRECONDITION (a program that is not ours), PERMISSION_DENIED.
  static absl::Status remove_leftover(const KernelInterface& interface);

  // Finds the program that DPDK's driver has just put on the interface, opens its maps.
  // Errors: FAILED_PRECONDITION (another program is there).
  static absl::StatusOr<SteeringProgram> open(const KernelInterface& interface);

  // Makes the program's set equal to `endpoints`: adds first, then removes.
  // Errors: RESOURCE_EXHAUSTED; the old set is restored.
  absl::Status steer(const std::set<SteeredEndpoint>& endpoints);

  void detach();

 private:
  SteeringProgram() = default;
  absl::Status add(const std::set<SteeredEndpoint>& endpoints);
  void remove(const std::set<SteeredEndpoint>& endpoints, const std::set<SteeredEndpoint>& kept);

  int interface_index_ = 0;
  AttachedProgram program_;
  OwnedFd endpoint_map_, address_map_;
  std::set<SteeredEndpoint> steered_;
};

}  // namespace sluice::dataplane

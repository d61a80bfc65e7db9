// SPDX-License-Identifier: Apache-2.0
//
// The next hops of the watched backends, kept true as neighbours and routes change.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/port/kernel_neighbors.h"
#include "dataplane/port/next_hop.h"

namespace sluice::dataplane {

// Thread: control.
class Reachability {
 public:
  static absl::StatusOr<Reachability> open(std::vector<PortFacts> ports);
  ~Reachability();  // leaves the neighbours to the kernel's ordinary care
  Reachability(Reachability&&) = default;
  Reachability& operator=(Reachability&&) = delete;

  void watch(const std::vector<IpAddress>& backends);
  bool poll();  // true when a next hop changed since the last call
  NextHop next_hop(const IpAddress& backend) const;
  std::string unresolved_reason(const IpAddress& backend) const;

 private:
  using Clock = std::chrono::steady_clock;
  using Neighbor = std::pair<int, IpAddress>;  // interface index, address
  struct Watched {
    Way way;
    NextHop hop;
  };
  Reachability(std::vector<PortFacts> ports, std::unique_ptr<KernelNeighbors> kernel)
      : ports_(std::move(ports)), kernel_(std::move(kernel)) {}
  void ask(const Way& way);
  void ask_again_where_unresolved();
  void release_unused();

  std::vector<PortFacts> ports_;  // `Way::port` points into it
  std::unique_ptr<KernelNeighbors> kernel_;
  std::map<IpAddress, Watched> watched_;
  std::map<Neighbor, Clock::time_point> asked_;
  bool changed_ = false;
};

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Which port and neighbour lead to a backend, from the configuration and what the kernel knows.
// Pure.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "dataplane/net/ip_address.h"
#include "dataplane/port/kernel_interface.h"
#include "dataplane/port/port_set.h"
#include "dataplane/table/snapshot.h"

namespace sluice::dataplane {

struct KernelRoute {
  int interface_index = 0;
  IpAddress via;  // the destination itself when it is on-link
};

// The kernel's tables as far as next hops need them.
class KernelView {
 public:
  virtual ~KernelView() = default;
  virtual std::optional<KernelRoute> route(const IpAddress& destination) const = 0;
  virtual std::optional<MacAddress> mac(int interface_index, const IpAddress& neighbor) const = 0;
};

struct PortFacts {
  PortConfig config;
  int interface_index = 0;  // 0: no kernel interface
  MacAddress mac{};
};

// How a backend is reached: by an address on layer 2 that is configured, or by a neighbour that the
// kernel resolves.
struct Way {
  const PortFacts* port = nullptr;      // nullptr: none
  std::optional<MacAddress> fixed_mac;  // from the configuration
  IpAddress neighbor;                   // when there is no fixed one
  std::string obstacle;                 // why there is no way; empty when there is

  bool needs_kernel() const noexcept { return port != nullptr && !fixed_mac; }
};

// Static neighbours, then the ports' own prefixes, then static gateways, then the kernel's routes.
// Shape: `ports` must outlive the result.
Way choose_way(std::span<const PortFacts> ports, const KernelView& kernel,
               const IpAddress& backend);

// The way filled in with what the kernel knows now; unresolved while the neighbour is not known.
NextHop follow(const Way& way, const KernelView& kernel, const IpAddress& backend);

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// One ethdev: configured with a queue pair per worker, started, stopped.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/port/kernel_interface.h"
#include "dataplane/port/port_set.h"

struct rte_mempool;

namespace sluice::dataplane {

class EthernetPort {
 public:
  // `interface`: the kernel's side of the port, where it has one.
  // Errors: INVALID_ARGUMENT (no such port, punt, mtu), FAILED_PRECONDITION (queues),
  // RESOURCE_EXHAUSTED (mbufs), PERMISSION_DENIED.
  static absl::StatusOr<EthernetPort> start(const PortConfig& config, uint16_t queues,
                                            uint32_t buffers,
                                            const std::optional<KernelInterface>& interface);
  EthernetPort(EthernetPort&& other) noexcept;
  EthernetPort& operator=(EthernetPort&&) = delete;
  ~EthernetPort();  // stops and closes

  RuntimePort runtime_port() const;
  PortState state() const;
  const MacAddress& mac() const noexcept { return mac_; }

 private:
  EthernetPort(const PortConfig& config, uint16_t queues) : config_(config), queues_(queues) {}

  PortConfig config_;
  uint16_t queues_ = 0;
  std::string driver_;
  MacAddress mac_{};
  bool single_segment_tx_ = false;
  bool owned_ = true;  // false: moved away
  rte_mempool* buffers_ = nullptr;
};

// The name that EAL gave to this port; empty when there is no such port.
std::string device_name(uint16_t port);

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// What the kernel says about one of its network interfaces.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace sluice::dataplane {

using MacAddress = std::array<uint8_t, 6>;

struct KernelInterface {
  std::string name;
  int index = 0;
  MacAddress mac{};
  uint16_t mtu = 0;
  uint32_t rx_queues = 1;
  bool is_up = false;
};

// Errors: FAILED_PRECONDITION (no such interface in this network namespace), INTERNAL.
absl::StatusOr<KernelInterface> find_interface(const std::string& name);

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Two ends of a wire: `near` in this process's network namespace, `far` in another one.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/port/kernel_interface.h"
#include "isolated.h"

namespace sluice::dataplane {

inline constexpr MacAddress kFarMac = {2, 0, 0, 0, 0, 2};

// near: 10.9.0.1/24, fd09::1/64; far: 10.9.0.2/24, fd09::2/64.
class VethPair {
 public:
  VethPair();
  ~VethPair();
  VethPair(const VethPair&) = delete;
  VethPair& operator=(const VethPair&) = delete;

  // A command as run at the far end.
  std::string at_far(const std::string& command) const;
  void send_from_far(const std::vector<uint8_t>& frame) const;
  const MacAddress& near_mac() const noexcept { return near_mac_; }

 private:
  Background far_;
  int far_socket_ = -1;
  MacAddress near_mac_{};
};

// A frame to `destination`: UDP or TCP with this port, of the family of the addresses.
struct FrameShape {
  MacAddress destination_mac{};
  std::string destination;
  uint8_t protocol = 17;
  uint16_t port = 80;
  bool tagged = false;
  bool fragment = false;
  uint8_t extension_headers = 0;  // IPv6 destination options, IPv4 options of four bytes
};
std::vector<uint8_t> make_frame(const FrameShape& shape);

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// The node's ports: EAL, ethdev configuration, AF_XDP steering, and the way to each backend.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/net/ip_address.h"
#include "dataplane/runtime/runtime.h"
#include "dataplane/table/snapshot.h"

namespace sluice::dataplane {

enum class PuntMode : uint8_t { kKernel, kNone };

struct InterfaceAddress {
  IpAddress address;
  uint8_t prefix_length = 0;
};

struct StaticNeighbor {
  IpAddress address;
  std::array<uint8_t, 6> mac{};
};

struct PortConfig {
  uint16_t id = 0;   // of the ethdev, in the order of `eal:`
  std::string name;  // for people; for AF_XDP and af_packet the interface is taken from `eal:`
  std::vector<InterfaceAddress> addresses;
  uint16_t mtu = 1500;
  PuntMode punt = PuntMode::kKernel;
  std::vector<StaticNeighbor> neighbors;
  std::vector<StaticNeighbor> gateways;
};

struct PortSetConfig {
  std::string node;
  std::vector<std::string> eal;  // verbatim
  std::vector<PortConfig> ports;
  uint32_t buffers = 131'072;    // mbufs per port
  std::string steering_program;  // object file; empty: beside this binary
};

struct PortState {
  std::string name;
  uint16_t id = 0;
  std::string driver;
  bool link_up = false;
  uint16_t mtu = 0;
  uint16_t queues = 0;
};

// A service's (address, protocol, port) for the steering program; port 0: any.
struct SteeredEndpoint {
  IpAddress address;
  uint8_t protocol = 0;
  uint16_t port = 0;
  friend auto operator<=>(const SteeredEndpoint&, const SteeredEndpoint&) = default;
};

// Thread: control, all methods.
class PortSet {
 public:
  // The arguments that `open` gives to EAL: the user's, with --file-prefix and xdp_prog added where
  // missing.
  static std::vector<std::string> eal_arguments(const PortSetConfig& config);

  // Removes leftovers of a crashed run, calls rte_eal_init, configures and starts every port with
  // one queue pair per worker lcore.  Errors: one line each that says what is wrong and what to do:
  // FAILED_PRECONDITION (interface missing, foreign XDP program, too many rx queues, no hugepages),
  // PERMISSION_DENIED, INVALID_ARGUMENT (eal, a port id that EAL did not make, punt that this
  // driver cannot do).
  static absl::StatusOr<std::unique_ptr<PortSet>> open(const PortSetConfig& config);
  ~PortSet();  // detaches XDP programs, stops ports, rte_eal_cleanup; the runtime must have stopped

  std::vector<RuntimePort> runtime_ports() const;
  std::vector<PortState> states() const;

  // Makes the kernel hand over packets for exactly these endpoints.  Errors: RESOURCE_EXHAUSTED
  // (map full); on an error the old set stays.
  absl::Status steer(const std::vector<SteeredEndpoint>& endpoints);

  // Names the addresses that must be reachable; what is missing is asked of the kernel and kept
  // resolved.
  void watch(const std::vector<IpAddress>& backends);
  // Reads pending neighbour and route changes. True when any `next_hop` changed since the last
  // call.
  bool poll_neighbors();
  // The way to this address now; unresolved when there is none yet.
  NextHop next_hop(const IpAddress& backend) const;
  // Why `next_hop` is unresolved, for a warning; empty when it is resolved.
  std::string unresolved_reason(const IpAddress& backend) const;

 private:
  struct State;
  explicit PortSet(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::dataplane

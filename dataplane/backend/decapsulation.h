// SPDX-License-Identifier: Apache-2.0
//
// The decapsulation program on one interface: put there, told the addresses, asked for its
// counters, taken away.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/bpf/decap_maps.h"
#include "dataplane/bpf/xdp_program.h"
#include "dataplane/net/ip_address.h"

namespace sluice::dataplane {

struct DecapsulationConfig {
  std::string interface;
  std::vector<IpPrefix> sources;  // allowed outer sources; empty: all
  XdpMode mode = XdpMode::kAuto;
};

struct DecapCount {
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

// Shape: by `DecapCounterIndex`.
using DecapCounts = std::array<DecapCount, kDecapCounterCount>;

// The name of a counter for people and scripts: "4in4", "passed" ….
std::string_view counter_name(size_t index);

class Decapsulation {
 public:
  // Attaches a new program, in one step in the place of one that an earlier run left.
  // Errors: NOT_FOUND (interface, object file), PERMISSION_DENIED, FAILED_PRECONDITION (a foreign
  // program is there).
  static absl::StatusOr<Decapsulation> attach(const DecapsulationConfig& config);

  // Makes the program open exactly the tunnel packets to the interface's present addresses.
  absl::Status refresh_addresses();
  absl::StatusOr<DecapCounts> counts() const;
  // Leaves the interface alone when another program has taken our place.
  absl::Status detach();

  const AttachedProgram& program() const noexcept { return program_; }
  size_t address_count() const noexcept { return local_.size(); }

 private:
  Decapsulation() = default;
  std::string interface_;
  int interface_index_ = 0;
  AttachedProgram program_;
  OwnedFd local_map_, counter_map_;
  std::vector<IpAddress> local_;  // sorted, as the program's map holds them
};

// The counters of the program that now decapsulates on this interface.
// Errors: NOT_FOUND (no interface, no program of ours), PERMISSION_DENIED.
absl::StatusOr<DecapCounts> running_counts(const std::string& interface);

// The interface's own addresses, sorted.
absl::StatusOr<std::vector<IpAddress>> interface_addresses(const std::string& interface);

// Errors: NOT_FOUND.
absl::StatusOr<int> interface_index(const std::string& interface);

}  // namespace sluice::dataplane

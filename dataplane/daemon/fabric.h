// SPDX-License-Identifier: Apache-2.0
//
// What the daemon asks of the forwarding cores and of the ports, so that its decisions can be
// tested without them.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/port/port_set.h"
#include "dataplane/runtime/runtime.h"
#include "dataplane/table/snapshot.h"

namespace sluice::dataplane {

// The methods of `Runtime` that the daemon uses; threads and errors are said there.
class Cores {
 public:
  virtual ~Cores() = default;
  virtual absl::Status publish(std::unique_ptr<const Snapshot> snapshot) = 0;
  virtual std::vector<LcoreCounterValues> counters() const = 0;
  virtual std::vector<TargetCounterValues> target_counters(uint32_t target_count) const = 0;
  virtual size_t take_events(std::span<FlowEvent> out) = 0;
  virtual bool events_drained() const = 0;
  virtual size_t take_observations(std::span<ObservationEvent> out) = 0;
  virtual absl::StatusOr<FlowPage> list_flows(uint64_t cursor, uint32_t limit) = 0;
};

// The methods of `PortSet` that the daemon uses.  Thread: control.
class Links {
 public:
  virtual ~Links() = default;
  virtual absl::Status steer(const std::vector<SteeredEndpoint>& endpoints) = 0;
  virtual void watch(const std::vector<IpAddress>& backends) = 0;
  virtual bool poll_neighbors() = 0;
  virtual NextHop next_hop(const IpAddress& backend) const = 0;
  virtual std::vector<PortState> states() const = 0;
};

std::unique_ptr<Cores> cores_of(Runtime& runtime);
std::unique_ptr<Links> links_of(PortSet& ports);

}  // namespace sluice::dataplane

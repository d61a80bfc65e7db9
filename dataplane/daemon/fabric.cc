// SPDX-License-Identifier: Apache-2.0
//
// Passes calls on to the runtime and the ports.
#include "dataplane/daemon/fabric.h"

namespace sluice::dataplane {
namespace {

class RuntimeCores final : public Cores {
 public:
  explicit RuntimeCores(Runtime& runtime) : runtime_(runtime) {}
  absl::Status publish(std::unique_ptr<const Snapshot> snapshot) override {
    return runtime_.publish(std::move(snapshot));
  }
  std::vector<LcoreCounterValues> counters() const override { return runtime_.counters(); }
  std::vector<TargetCounterValues> target_counters(uint32_t target_count) const override {
    return runtime_.target_counters(target_count);
  }
  size_t take_events(std::span<FlowEvent> out) override { return runtime_.take_events(out); }
  bool events_drained() const override { return runtime_.events_drained(); }
  size_t take_observations(std::span<ObservationEvent> out) override {
    return runtime_.take_observations(out);
  }
  absl::StatusOr<FlowPage> list_flows(uint64_t cursor, uint32_t limit) override {
    return runtime_.list_flows(cursor, limit);
  }

 private:
  Runtime& runtime_;
};

class PortLinks final : public Links {
 public:
  explicit PortLinks(PortSet& ports) : ports_(ports) {}
  absl::Status steer(const std::vector<SteeredEndpoint>& endpoints) override {
    return ports_.steer(endpoints);
  }
  void watch(const std::vector<IpAddress>& backends) override { ports_.watch(backends); }
  bool poll_neighbors() override { return ports_.poll_neighbors(); }
  NextHop next_hop(const IpAddress& backend) const override { return ports_.next_hop(backend); }
  std::vector<PortState> states() const override { return ports_.states(); }

 private:
  PortSet& ports_;
};

}  // namespace

std::unique_ptr<Cores> cores_of(Runtime& runtime) {
  return std::make_unique<RuntimeCores>(runtime);
}
std::unique_ptr<Links> links_of(PortSet& ports) {
  return std::make_unique<PortLinks>(ports);
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Cores and links that write down what is asked of them, and fail on demand.
#pragma once

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/daemon/fabric.h"

namespace sluice::dataplane {

class FakeCores final : public Cores {
 public:
  explicit FakeCores(std::vector<std::string>& steps) : steps_(steps) {}

  absl::Status publish(std::unique_ptr<const Snapshot> snapshot) override {
    steps_.push_back("publish");
    published = std::move(snapshot);
    return next_publish;
  }
  std::vector<LcoreCounterValues> counters() const override { return lcores; }
  std::vector<TargetCounterValues> target_counters(uint32_t count) const override {
    std::vector<TargetCounterValues> values = targets;
    values.resize(count + 1);
    return values;
  }
  size_t take_events(std::span<FlowEvent> out) override {
    if (holds_events) return 0;
    const size_t count = std::min(out.size(), events.size());
    std::copy_n(events.begin(), count, out.begin());
    events.erase(events.begin(), events.begin() + static_cast<ptrdiff_t>(count));
    return count;
  }
  bool events_drained() const override { return events.empty(); }
  size_t take_observations(std::span<ObservationEvent> out) override {
    const size_t count = std::min(out.size(), observations.size());
    std::copy_n(observations.begin(), count, out.begin());
    observations.erase(observations.begin(), observations.begin() + static_cast<ptrdiff_t>(count));
    return count;
  }
  absl::StatusOr<FlowPage> list_flows(uint64_t cursor, uint32_t limit) override {
    FlowPage page;
    for (uint64_t i = cursor; i < flows.size() && page.flows.size() < limit; ++i) {
      page.flows.push_back(flows[i]);
    }
    const uint64_t next = cursor + page.flows.size();
    page.next_cursor = next < flows.size() ? next : 0;
    return page;
  }

  absl::Status next_publish;
  std::unique_ptr<const Snapshot> published;
  std::vector<FlowEvent> events;
  std::atomic<bool> holds_events = false;  // nobody gets any yet
  std::vector<ObservationEvent> observations;
  std::vector<FlowEvent> flows;
  std::vector<LcoreCounterValues> lcores{{.lcore = 1, .rx = 7}};
  std::vector<TargetCounterValues> targets;  // by TargetId; those beyond are zero

 private:
  std::vector<std::string>& steps_;
};

class FakeLinks final : public Links {
 public:
  explicit FakeLinks(std::vector<std::string>& steps) : steps_(steps) {}

  absl::Status steer(const std::vector<SteeredEndpoint>& endpoints) override {
    steps_.push_back("steer " + std::to_string(endpoints.size()));
    if (!next_steer.ok()) return next_steer;
    steered = endpoints;
    return absl::OkStatus();
  }
  void watch(const std::vector<IpAddress>& backends) override { watched = backends; }
  bool poll_neighbors() override { return std::exchange(has_moved, false); }
  NextHop next_hop(const IpAddress&) const override { return {.resolved = true, .mtu = mtu}; }
  std::vector<PortState> states() const override { return {{.name = "uplink", .link_up = true}}; }

  absl::Status next_steer;
  std::vector<SteeredEndpoint> steered;
  std::vector<IpAddress> watched;
  bool has_moved = false;
  uint16_t mtu = 1500;

 private:
  std::vector<std::string>& steps_;
};

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Asks every backend that has a health check, for ever, from one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/daemon/health_state.h"
#include "dataplane/table/registry.h"
#include "sluice/v1/policy.pb.h"

namespace sluice::dataplane {

struct ProbeTarget {
  BackendIdentity backend;
  v1::HealthCheck check;
};

struct HealthChange {
  BackendIdentity backend;
  Health health = Health::kUnknown;
  std::string reason;  // for people: "3 probes failed: connection refused"
};

class Prober {
 public:
  // Called from the prober's thread; must not call back.
  using OnChange = std::function<void(const HealthChange&)>;

  // Errors: RESOURCE_EXHAUSTED (descriptors, threads).
  static absl::StatusOr<std::unique_ptr<Prober>> start(OnChange on_change);
  ~Prober();  // joins

  // Replaces what is probed. A backend that stays keeps its state; a new one begins with what
  // `last_known` says of it, else unknown.  Thread: any; takes effect soon after.
  void set_targets(std::vector<ProbeTarget> targets,
                   const std::map<BackendIdentity, Health>& last_known = {});

 private:
  class Loop;
  explicit Prober(std::unique_ptr<Loop> loop);
  std::unique_ptr<Loop> loop_;
};

}  // namespace sluice::dataplane

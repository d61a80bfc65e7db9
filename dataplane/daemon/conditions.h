// SPDX-License-Identifier: Apache-2.0
//
// From what is pushed and what is probed to the state of each backend: a pure function.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "dataplane/daemon/health_state.h"
#include "dataplane/daemon/prober.h"
#include "dataplane/table/registry.h"
#include "dataplane/table/snapshot.h"
#include "dataplane/table/table.h"
#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

// What probing last said of a backend.
struct KnownHealth {
  Health health = Health::kUnknown;
  std::string reason;
};
using HealthByBackend = std::map<BackendIdentity, KnownHealth>;

struct JudgedBackend {
  BackendId id;
  BackendIdentity identity;
  BackendState state = BackendState::kDown;
  std::string reason;  // for people
};

// Recalled before down before draining before up. Without a health check a backend is up. Sorted by
// identity.
std::vector<JudgedBackend> judge_backends(const v1::ForwardingTable& message, const Table& table,
                                          const HealthByBackend& health);

// What must be probed for this table.
std::vector<ProbeTarget> probe_targets(const v1::ForwardingTable& message);

}  // namespace sluice::dataplane

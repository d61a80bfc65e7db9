// SPDX-License-Identifier: Apache-2.0
//
// What a worker lcore does until it is stopped: receive, forward, send, and a little housekeeping
// per turn.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/pipeline/core_context.h"
#include "dataplane/runtime/event_ring.h"
#include "dataplane/runtime/flow_query.h"
#include "dataplane/runtime/runtime.h"
#include "dataplane/runtime/snapshot_publisher.h"

namespace sluice::dataplane {

// How to rest while no packets come.
struct IdlePolicy {
  std::chrono::nanoseconds spin{};
  std::chrono::nanoseconds sleep{};  // 0: always poll
};

// Everything of one worker. Other threads may use the rings (as consumer), `query`, `stop` and the
// core's counters.
struct Worker {
  uint32_t lcore = 0;  // EAL's number
  uint16_t index = 0;  // among the workers: its queue on every port, its reader at the publisher
  std::vector<RuntimePort> ports;
  IdlePolicy idle;
  std::unique_ptr<CoreContext> core;
  EventRing ring;
  ObservationRing observations;
  FlowQuery query;
  SnapshotPublisher* publisher = nullptr;
  std::atomic<bool> stop{false};
};

// Returns when `worker.stop` is set and every flow has been ended with kShutdown.
void run_lcore(Worker& worker) noexcept;

}  // namespace sluice::dataplane

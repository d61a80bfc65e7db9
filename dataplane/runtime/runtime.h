// SPDX-License-Identifier: Apache-2.0
//
// The forwarding cores as the daemon sees them: start, publish, read counters, take records, stop.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/flow/flow_event.h"
#include "dataplane/flow/flow_timeouts.h"
#include "dataplane/flow/observation_event.h"
#include "dataplane/pipeline/drop_reason.h"
#include "dataplane/table/snapshot.h"

namespace sluice::dataplane {

// What a worker must know about a port. `port` made it ready; queue i belongs to the i-th worker
// lcore.
struct RuntimePort {
  uint16_t id = 0;                 // of the ethdev
  uint16_t queues = 1;             // rx and tx
  bool single_segment_tx = false;  // chained mbufs must be linearised first (AF_XDP)
};

struct RuntimeConfig {
  std::vector<RuntimePort> ports;
  uint32_t flow_capacity = 1'048'576;  // per node and address family, divided among the workers
  FlowTimeouts timeouts;
  std::chrono::microseconds idle_spin{200};
  std::chrono::microseconds idle_sleep{50};  // 0: always poll
};

struct LcoreCounterValues {
  uint32_t lcore = 0;
  uint64_t rx = 0, handed_in = 0, forwarded = 0, punted = 0, replied = 0, handed_out = 0, held = 0;
  std::array<uint64_t, kDropReasonCount> dropped{};
  uint64_t flows = 0, flows_opened = 0, flows_ended = 0, records_lost = 0;
  uint64_t swept_recall = 0, audit_refused = 0, observations_missed = 0;
};

struct TargetCounterValues {
  uint64_t packets = 0, bytes = 0, flows_opened = 0, flows_ended = 0;
  uint64_t unrecorded_packets = 0, unrecorded_bytes = 0, unrecorded_syns = 0;
  uint64_t flows_recalled = 0;
  uint64_t handshakes_begun = 0, handshakes_completed = 0, handshake_us = 0;
  uint64_t responses = 0, response_us = 0;  // of a sample of flows

  TargetCounterValues& operator+=(const TargetCounterValues& other) noexcept {
    packets += other.packets;
    bytes += other.bytes;
    flows_opened += other.flows_opened;
    flows_ended += other.flows_ended;
    unrecorded_packets += other.unrecorded_packets;
    unrecorded_bytes += other.unrecorded_bytes;
    unrecorded_syns += other.unrecorded_syns;
    flows_recalled += other.flows_recalled;
    handshakes_begun += other.handshakes_begun;
    handshakes_completed += other.handshakes_completed;
    handshake_us += other.handshake_us;
    responses += other.responses;
    response_us += other.response_us;
    return *this;
  }
};

struct FlowPage {
  std::vector<FlowEvent> flows;
  uint64_t next_cursor = 0;  // 0: no more
};

// Thread: one control thread, unless a method says otherwise.
class Runtime {
 public:
  // Launches the lcore loop on every EAL worker lcore; they forward nothing until the first
  // `publish`. Needs rte_eal_init and started ports.  Errors: FAILED_PRECONDITION (no worker lcore,
  // fewer queues than workers), RESOURCE_EXHAUSTED (memory for flow tables).
  static absl::StatusOr<std::unique_ptr<Runtime>> start(const RuntimeConfig& config);
  ~Runtime();  // stops

  // Makes `snapshot` the one that every lcore uses; returns when each of them has seen it.
  // Errors: UNAVAILABLE (an lcore did not come round within the deadline, named; the snapshot is in
  // force for the others, and for it when it comes).
  absl::Status publish(std::unique_ptr<const Snapshot> snapshot,
                       std::chrono::milliseconds deadline = std::chrono::milliseconds(1000));

  // Thread: any.
  std::vector<LcoreCounterValues> counters() const;
  // Thread: any.  Shape: by TargetId::value, index 0 unused, size `target_count` + 1; summed over
  // lcores.
  std::vector<TargetCounterValues> target_counters(uint32_t target_count) const;

  // Moves up to out.size() events from the lcores' rings, lcore by lcore in order.  Thread: one,
  // may be another than the control thread.
  size_t take_events(std::span<FlowEvent> out);
  bool events_drained() const;  // after `stop`: nothing is left to take

  // The same for observations of rollouts' flows.  Thread: the one that takes events.
  size_t take_observations(std::span<ObservationEvent> out);

  // Copies live flows, lcore by lcore; the lcores do the copying between bursts.  Thread: any.
  // Errors: UNAVAILABLE (an lcore did not answer).
  absl::StatusOr<FlowPage> list_flows(uint64_t cursor, uint32_t limit);

  // Lets every lcore finish its burst and write the last event of each flow (kShutdown), then joins
  // them. Events stay takeable: call `take_events` from another thread meanwhile, else a full ring
  // loses (and counts) them.
  void stop();

 private:
  struct State;
  explicit Runtime(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::dataplane

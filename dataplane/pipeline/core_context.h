// SPDX-License-Identifier: Apache-2.0
//
// All that one lcore owns: flows, counters, clock, and the scratch space of a burst.
#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "dataplane/flow/flow_table.h"
#include "dataplane/flow/flow_timeouts.h"
#include "dataplane/flow/observation_table.h"
#include "dataplane/flow/recent_clients.h"
#include "dataplane/pipeline/event_buffer.h"
#include "dataplane/pipeline/packet.h"
#include "dataplane/pipeline/token_bucket.h"

namespace sluice::dataplane {

inline constexpr uint16_t kPortsMax = 16;
// Resets and ICMP errors that one lcore sends: enough for people to see why, too few to be used as
// a weapon.
inline constexpr uint64_t kRepliesPerSecond = 1000;
// Resets and ICMP errors for known flows that are cut: a stranger cannot ask for them, and a recall
// has as many at once as there are flows.
inline constexpr uint64_t kCutRepliesPerSecond = 100'000;
// What one burst can send to one port: each packet may be answered, and a reset made beside it.
inline constexpr uint16_t kTxBatchMax = 2 * kBurstMax;
// Flows that one lcore observes at once: ten thousand new ones per second for three seconds. 4 MiB.
inline constexpr uint32_t kObservedFlowsMax = 32'768;
// How many of them at most wait for a first response. A pool that answers after 20 s still shows
// 400 of its flows per second, and rollouts keep three places of four.
inline constexpr uint32_t kSampledFlowsMax = kObservedFlowsMax / 4;

struct CoreSettings {
  uint8_t lcore = 0;
  uint16_t ports = 0;          // a bit per ethdev that this lcore can send to
  uint32_t flow_capacity = 0;  // per family
  HashKey flow_key;            // random per process
  FlowTimeouts timeouts;
};

// Packets for one port, each with whom it counts for: its account in the burst.
struct TxBatch {
  std::array<rte_mbuf*, kTxBatchMax> mbufs;
  std::array<const Account*, kTxBatchMax> accounts;
  uint16_t count = 0;
};

// Where the expiry sweep stands.
struct Sweep {
  uint32_t position = 0;
  uint64_t last_ns = 0;
};

// The pass over every flow that follows a recall.
struct RecallSweep {
  uint64_t recall = 0;  // the snapshot's number of the recall that it follows
  bool is_running = false;
  Sweep v4, v6;
};

// Thread: the lcore that owns it; other threads read the counters only.
struct alignas(64) CoreContext {
  // Alloc: startup.  Errors: nullptr when memory is short.
  static std::unique_ptr<CoreContext> create(const CoreSettings& settings);

  template <Family F>
  FlowTable<F>& flows() noexcept {
    if constexpr (F == Family::kIpv4) {
      return flows_v4;
    } else {
      return flows_v6;
    }
  }
  template <Family F>
  const FlowTable<F>& flows() const noexcept {
    return const_cast<CoreContext*>(this)->flows<F>();
  }
  template <Family F>
  Burst<F>& burst() noexcept {
    if constexpr (F == Family::kIpv4) {
      return burst_v4;
    } else {
      return burst_v6;
    }
  }

  // Takes the packet out of the pipeline. It is freed by `free_drops`.
  void drop(rte_mbuf* mbuf, DropReason reason) noexcept;
  void free_drops() noexcept;

  // Queues the packet for a port.  Drops: kNoNeighbor, when this lcore does not serve the port.
  void send(uint8_t port, rte_mbuf* mbuf, const Account& account) noexcept {
    TxBatch* const batch = tx_by_port[port];
    if (batch == nullptr) [[unlikely]]
      return drop(mbuf, DropReason::kNoNeighbor);
    const uint32_t position = batch->count++;
    batch->mbufs[position] = mbuf;
    batch->accounts[position] = &account;
  }

  TargetCounters& target(uint32_t id) noexcept { return targets[id]; }
  EventOrigin origin() const noexcept { return {realtime_offset_ns, lcore}; }

  CoreContext(FlowTable<Family::kIpv4> v4, FlowTable<Family::kIpv6> v6,
              TouchedArray<TargetCounters> lines, TouchedArray<HandshakeCounters> their_handshakes)
      : flows_v4(std::move(v4)),
        flows_v6(std::move(v6)),
        targets(std::move(lines)),
        handshakes(std::move(their_handshakes)) {}

  uint64_t now_ns = 0;              // monotonic; one reading per turn
  uint64_t realtime_offset_ns = 0;  // CLOCK_REALTIME - CLOCK_MONOTONIC
  uint64_t flows_begun = 0;         // makes flow ids
  uint8_t lcore = 0;
  FlowTimeouts timeouts;
  TokenBucket replies{kRepliesPerSecond};
  TokenBucket cut_replies{kCutRepliesPerSecond};
  Sweep sweep_v4, sweep_v6;
  RecallSweep recall_sweep;
  uint32_t cut_entries = 0;         // of the flow tables, in state kCut
  uint64_t cut_entries_erased = 0;  // ever

  FlowTable<Family::kIpv4> flows_v4;
  FlowTable<Family::kIpv6> flows_v6;
  LcoreCounters counters;
  TouchedArray<TargetCounters> targets;        // by TargetId
  TouchedArray<HandshakeCounters> handshakes;  // by TargetId
  TouchedArray<ResponseCounters> responses;    // by TargetId

  Burst<Family::kIpv4> burst_v4;
  Burst<Family::kIpv6> burst_v6;
  std::array<TxBatch, kPortsMax> tx;       // by ethdev
  std::array<TxBatch*, 256> tx_by_port{};  // nullptr: this lcore does not send there
  std::array<rte_mbuf*, kBurstMax> drops{};
  uint16_t drop_count = 0;
  EventBuffer events;

  // Of rollouts' flows, and of those that show how soon their pools answer.
  ObservationTable observed;
  uint32_t sampled_flows = 0;  // of `observed`, those that wait for a first response
  RecentClients recent_clients;
  ObservationBuffer observations;
};

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// The loop of a worker lcore over any device: receive, forward, send, and a little housekeeping per
// turn.
#pragma once

#include <array>
#include <span>

#include "dataplane/pipeline/end_turn.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/pipeline/sweep_recalled.h"
#include "dataplane/runtime/lcore_loop.h"
#include "dataplane/runtime/turn_clock.h"

namespace sluice::dataplane {

template <class Event>
void flush(BufferOf<Event>& buffer, RingOf<Event>& ring) noexcept {
  const size_t pushed = ring.push(buffer.events());
  if (pushed != 0) buffer.remove_first(pushed);
}

// Hands the events of the core to whoever takes them from the rings.
inline void flush_events(Worker& worker) noexcept {
  flush(worker.core->events, worker.ring);
  if (!worker.core->observations.events().empty()) [[unlikely]]
    flush(worker.core->observations, worker.observations);
}

// Takes what is in one piece, or can be made so, to the front of the batch.
// Drops: kNoBuffer (a chain that does not fit one buffer).
inline void linearize(TxBatch& batch, CoreContext& core) noexcept {
  uint16_t kept = 0;
  for (uint16_t i = 0; i < batch.count; ++i) {
    if (rte_pktmbuf_linearize(batch.mbufs[i]) != 0) {
      core.drop(batch.mbufs[i], DropReason::kNoBuffer);
      continue;
    }
    batch.mbufs[kept] = batch.mbufs[i];
    batch.accounts[kept] = batch.accounts[i];
    ++kept;
  }
  batch.count = kept;
}

// Sends every batch of the core, in one piece per packet where the port asks for it.
template <class Device>
void transmit(Worker& worker, Device& device) noexcept {
  CoreContext& core = *worker.core;
  for (const RuntimePort& port : worker.ports) {
    TxBatch& batch = core.tx[port.id];
    if (batch.count == 0) continue;
    if (port.single_segment_tx) linearize(batch, core);
    settle(batch, device.send(port, batch.mbufs.data(), batch.count), core);
  }
}

template <class Device>
size_t receive(Worker& worker, Device& device, const RuntimePort& port,
               const Snapshot* snapshot) noexcept {
  CoreContext& core = *worker.core;
  std::array<rte_mbuf*, kBurstMax> mbufs;
  const uint16_t count = device.receive(port, mbufs.data(), kBurstMax);
  if (count == 0) return 0;
  run_pipeline(std::span(mbufs).first(count), snapshot, core);
  transmit(worker, device);
  finish_burst(core);
  flush_events(worker);
  return count;
}

// How many packets came.
// Shape: Device has `uint16_t receive(const RuntimePort&, rte_mbuf**, uint16_t)` and `send` alike,
// both noexcept, which do as rte_eth_rx_burst and rte_eth_tx_burst.  Thread: the worker's lcore.
// Drops: kTxFull, kNoBuffer, and those of the pipeline.
template <class Device>
size_t take_turn(Worker& worker, Device& device, const Snapshot* snapshot) noexcept {
  size_t received = 0;
  for (const RuntimePort& port : worker.ports)
    received += receive(worker, device, port, snapshot);
  if (snapshot != nullptr) [[likely]]
    sweep_recalled(*snapshot, *worker.core);
  end_turn(*worker.core);
  flush_events(worker);
  return received;
}

// Turn after turn, with the newest snapshot each, until `worker.stop` is set; rests while nothing
// comes.  Thread: the worker's lcore.
template <class Device>
void forward_until_stopped(Worker& worker, Device& device) noexcept {
  CoreContext& core = *worker.core;
  TurnClock clock;
  QsbrReader reader(*worker.publisher, worker.index);
  clock.tick(core);
  uint64_t worked_ns = core.now_ns;
  while (!worker.stop.load(std::memory_order_relaxed)) {
    const size_t received = take_turn(worker, device, reader.snapshot());
    worker.query.serve(core);
    reader.quiescent();  // nothing above keeps a reference into the snapshot

    clock.tick(core);
    if (received != 0) worked_ns = core.now_ns;
    const auto idle_ns = std::chrono::nanoseconds(core.now_ns - worked_ns);
    if (worker.idle.sleep.count() == 0 || idle_ns < worker.idle.spin) continue;
    reader.go_offline();
    rest(worker.idle.sleep);
    reader.go_online();
    clock.tick(core);
  }
}

}  // namespace sluice::dataplane

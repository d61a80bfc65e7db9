// SPDX-License-Identifier: Apache-2.0
//
// The lcore loop.
#include "dataplane/runtime/lcore_loop.h"

#include <rte_ethdev.h>

#include <array>
#include <ctime>
#include <span>

#include "dataplane/pipeline/end_turn.h"
#include "dataplane/pipeline/pipeline.h"

namespace sluice::dataplane {

namespace {

constexpr uint64_t kNsPerSecond = 1'000'000'000;
// How long a stopping lcore waits for somebody to take events before it gives the rest up.
constexpr uint64_t kStopPatienceNs = 2 * kNsPerSecond;
constexpr long kStopPollNs = 100'000;

uint64_t read_clock(clockid_t clock) noexcept {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<uint64_t>(time.tv_sec) * kNsPerSecond + static_cast<uint64_t>(time.tv_nsec);
}

void rest(std::chrono::nanoseconds time) noexcept {
  constexpr long kNsPerSecondSigned = 1'000'000'000;
  const timespec duration{.tv_sec = time.count() / kNsPerSecondSigned,
                          .tv_nsec = time.count() % kNsPerSecondSigned};
  nanosleep(&duration, nullptr);
}

// One reading per turn. The distance to the wall clock is measured anew now and then, because
// somebody may set it, and held while it moves by less than `kOffsetSteadyNs`, so that the records
// of a flow's start and end agree on when it started.
class TurnClock {
 public:
  void tick(CoreContext& core) noexcept {
    core.now_ns = read_clock(CLOCK_MONOTONIC);
    if (core.now_ns - measured_ns_ < kNsPerSecond) return;
    measured_ns_ = core.now_ns;
    const uint64_t offset = read_clock(CLOCK_REALTIME) - core.now_ns;
    const uint64_t moved = offset - core.realtime_offset_ns + kOffsetSteadyNs;
    if (moved > 2 * kOffsetSteadyNs) core.realtime_offset_ns = offset;
  }

 private:
  static constexpr uint64_t kOffsetSteadyNs = 10'000'000;
  uint64_t measured_ns_ = 0;
};

void flush_events(Worker& worker) noexcept {
  EventBuffer& events = worker.core->events;
  const size_t pushed = worker.ring.push(events.events());
  if (pushed != 0) events.remove_first(pushed);
}

size_t receive(Worker& worker, const RuntimePort& port, const Snapshot* snapshot) noexcept {
  CoreContext& core = *worker.core;
  std::array<rte_mbuf*, kBurstMax> mbufs;
  const uint16_t count = rte_eth_rx_burst(port.id, worker.index, mbufs.data(), kBurstMax);
  if (count == 0) return 0;
  run_pipeline(std::span(mbufs).first(count), snapshot, core);
  transmit(worker);
  finish_burst(core);
  flush_events(worker);
  return count;
}

// Takes what is in one piece, or can be made so, to the front of the batch.
void linearize(TxBatch& batch, CoreContext& core) noexcept {
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

// Nobody takes events any more: what does not fit is lost, and counted.
void give_up_events(CoreContext& core) noexcept {
  const size_t count = core.events.events().size();
  core.counters.records_lost.add(count);
  core.events.remove_first(count);
}

void end_all_flows(Worker& worker) noexcept {
  CoreContext& core = *worker.core;
  uint64_t progress_ns = read_clock(CLOCK_MONOTONIC);
  for (bool all_ended = false; !all_ended || !core.events.events().empty();) {
    all_ended = end_some_flows(EndReason::kShutdown, core);
    const uint32_t room = core.events.room();
    flush_events(worker);
    if (core.events.room() != room) {
      progress_ns = read_clock(CLOCK_MONOTONIC);
    } else if (read_clock(CLOCK_MONOTONIC) - progress_ns > kStopPatienceNs) {
      give_up_events(core);
    } else if (!core.events.events().empty()) {
      rest(std::chrono::nanoseconds(kStopPollNs));
    }
  }
}

}  // namespace

void transmit(Worker& worker) noexcept {
  CoreContext& core = *worker.core;
  for (const RuntimePort& port : worker.ports) {
    TxBatch& batch = core.tx[port.id];
    if (batch.count == 0) continue;
    if (port.single_segment_tx) linearize(batch, core);
    settle(batch, rte_eth_tx_burst(port.id, worker.index, batch.mbufs.data(), batch.count), core);
  }
}

void run_lcore(Worker& worker) noexcept {
  CoreContext& core = *worker.core;
  TurnClock clock;
  {
    QsbrReader reader(*worker.publisher, worker.index);
    clock.tick(core);
    uint64_t worked_ns = core.now_ns;
    while (!worker.stop.load(std::memory_order_relaxed)) {
      const Snapshot* const snapshot = reader.snapshot();
      size_t received = 0;
      for (const RuntimePort& port : worker.ports)
        received += receive(worker, port, snapshot);
      end_turn(core);
      flush_events(worker);
      worker.query.serve(core);
      reader.quiescent();  // nothing above keeps a reference into `snapshot`

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
  end_all_flows(worker);
}

}  // namespace sluice::dataplane

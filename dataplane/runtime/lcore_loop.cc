// SPDX-License-Identifier: Apache-2.0
//
// The lcore loop.
#include "dataplane/runtime/lcore_loop.h"

#include <rte_ethdev.h>

#include "dataplane/runtime/lcore_turn.h"
#include "dataplane/runtime/turn_clock.h"

namespace sluice::dataplane {

namespace {

// How long a stopping lcore waits for somebody to take events before it gives the rest up.
constexpr uint64_t kStopPatienceNs = 2'000'000'000;
constexpr long kStopPollNs = 100'000;

// The ports' own queues of this worker.
struct EthernetDevice {
  uint16_t queue;

  uint16_t receive(const RuntimePort& port, rte_mbuf** mbufs, uint16_t count) const noexcept {
    return rte_eth_rx_burst(port.id, queue, mbufs, count);
  }
  uint16_t send(const RuntimePort& port, rte_mbuf** mbufs, uint16_t count) const noexcept {
    return rte_eth_tx_burst(port.id, queue, mbufs, count);
  }
};

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

void run_lcore(Worker& worker) noexcept {
  EthernetDevice device{worker.index};
  forward_until_stopped(worker, device);
  end_all_flows(worker);
}

}  // namespace sluice::dataplane

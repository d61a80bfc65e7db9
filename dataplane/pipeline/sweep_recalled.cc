// SPDX-License-Identifier: Apache-2.0
//
// The pass over all flows that follows a recall.
#include "dataplane/pipeline/sweep_recalled.h"

#include <algorithm>

#include "dataplane/pipeline/flow_life.h"

namespace sluice::dataplane {

namespace {

constexpr uint64_t kPassNs = 200'000'000;
// Bounds a turn to some ten microseconds: entry lines are read in order.
constexpr uint64_t kEntriesPerTurnMax = 2048;
// Room that a burst needs: each packet may end a part and begin another.
constexpr uint32_t kEventsPerBurstMax = 2 * kBurstMax;

// How many entries the time since the last turn pays for. Time that pays for a part of one is kept,
// and what is beyond a turn's bound is lost.
uint64_t quota_of(Sweep& sweep, uint32_t entries, uint64_t now_ns) noexcept {
  const uint64_t elapsed_ns = std::min(now_ns - sweep.last_ns, kPassNs);
  const uint64_t quota = entries * elapsed_ns / kPassNs;
  if (quota == 0) return 0;
  sweep.last_ns = now_ns - (elapsed_ns - quota * kPassNs / entries);
  return std::min(quota, kEntriesPerTurnMax);
}

template <Family F>
bool is_recalled(const FlowEntry<F>& entry, const Snapshot& snapshot) noexcept {
  if (entry.state == FlowState::kFree || entry.state == FlowState::kCut) return false;
  const BackendLine* const line = snapshot.find(BackendId{entry.backend});
  return line != nullptr && line->state == BackendState::kRecalled;
}

// True when the pass has reached the end. Flows that begin meanwhile do so by this snapshot.
template <Family F>
bool sweep_some(Sweep& sweep, const Snapshot& snapshot, CoreContext& core) noexcept {
  FlowTable<F>& flows = core.flows<F>();
  const uint32_t end = flows.positions_end();
  const uint64_t quota = quota_of(sweep, end, core.now_ns);
  for (uint64_t looked_at = 0; looked_at < quota && sweep.position < end; ++looked_at) {
    if (core.events.room() <= kEventsPerBurstMax) return false;
    FlowEntry<F>& entry = flows.at(sweep.position++);
    if (is_recalled(entry, snapshot)) end_flow_by_cut(entry, EndReason::kRecalled, core);
  }
  return sweep.position >= end;
}

}  // namespace

void sweep_recalled(const Snapshot& snapshot, CoreContext& core) noexcept {
  RecallSweep& sweep = core.recall_sweep;
  if (sweep.recall != snapshot.recall) [[unlikely]] {
    const Sweep start{.position = 0, .last_ns = core.now_ns};
    sweep = {.recall = snapshot.recall, .is_running = true, .v4 = start, .v6 = start};
  }
  if (!sweep.is_running) [[likely]]
    return;
  const bool v4_is_done = sweep_some<Family::kIpv4>(sweep.v4, snapshot, core);
  const bool v6_is_done = sweep_some<Family::kIpv6>(sweep.v6, snapshot, core);
  if (!v4_is_done || !v6_is_done) return;
  sweep.is_running = false;
  core.counters.swept_recall.release(sweep.recall);
}

}  // namespace sluice::dataplane

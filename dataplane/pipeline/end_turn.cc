// SPDX-License-Identifier: Apache-2.0
//
// Incremental expiry.
#include "dataplane/pipeline/end_turn.h"

#include <algorithm>

#include "dataplane/pipeline/flow_life.h"
#include "dataplane/pipeline/observe.h"

namespace sluice::dataplane {

namespace {

constexpr uint64_t kNsPerMs = 1'000'000;
// A flow is looked at about this often; later when turns are too long or too short of room for it.
constexpr uint64_t kSweepPeriodNs = 1'000'000'000;
// Bounds a turn: this many entry lines, read in order, take a few microseconds.
constexpr uint64_t kEntriesPerTurnMax = 256;
// Room that a burst needs: each packet may end a part and begin another.
constexpr uint32_t kEventsPerBurstMax = 2 * kBurstMax;

// How many entries the time since the last turn pays for.
uint64_t sweep_quota(Sweep& sweep, uint32_t entries, uint64_t now_ns) noexcept {
  const uint64_t elapsed_ns = std::min(now_ns - sweep.last_ns, kSweepPeriodNs);
  const uint64_t quota = entries * elapsed_ns / kSweepPeriodNs;
  if (quota == 0) return 0;  // the time is kept until it pays for one entry
  sweep.last_ns = now_ns;
  return std::min(quota, kEntriesPerTurnMax);
}

template <Family F>
bool is_over(const FlowEntry<F>& entry, uint64_t now_ns) noexcept {
  return entry.state != FlowState::kFree &&
         now_ns - entry.last_seen_ns > entry.timeout_ms * kNsPerMs;
}

template <Family F>
void expire_some(Sweep& sweep, CoreContext& core) noexcept {
  FlowTable<F>& flows = core.flows<F>();
  const uint64_t quota = sweep_quota(sweep, flows.positions_end(), core.now_ns);
  for (uint64_t looked_at = 0; looked_at < quota && core.events.room() > kEventsPerBurstMax;
       ++looked_at) {
    if (sweep.position >= flows.positions_end()) sweep.position = 0;
    FlowEntry<F>& entry = flows.at(sweep.position++);
    if (is_over(entry, core.now_ns)) end_flow(entry, quiet_end(entry.state, entry.tcp_flags), core);
  }
}

// Goes on where the last call, or the sweep, stopped.
template <Family F>
bool end_some(EndReason reason, Sweep& sweep, CoreContext& core) noexcept {
  FlowTable<F>& flows = core.flows<F>();
  while (flows.size() > 0) {
    if (core.events.room() == 0) return false;
    if (sweep.position >= flows.positions_end()) sweep.position = 0;
    FlowEntry<F>& entry = flows.at(sweep.position++);
    if (entry.state != FlowState::kFree) end_flow(entry, reason, core);
  }
  return true;
}

void show_flow_count(CoreContext& core) noexcept {
  core.counters.flows.set(uint64_t{core.flows_v4.size()} + core.flows_v6.size() - core.cut_entries);
}

}  // namespace

void end_turn(CoreContext& core) noexcept {
  expire_some<Family::kIpv4>(core.sweep_v4, core);
  expire_some<Family::kIpv6>(core.sweep_v6, core);
  judge_due_observations(core);
  show_flow_count(core);
}

bool end_some_flows(EndReason reason, CoreContext& core) noexcept {
  const bool all_ended = end_some<Family::kIpv4>(reason, core.sweep_v4, core) &&
                         end_some<Family::kIpv6>(reason, core.sweep_v6, core);
  show_flow_count(core);
  return all_ended;
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Listing flows without a lock: the lcore copies its own entries.
#include "dataplane/runtime/flow_query.h"

#include <algorithm>

namespace sluice::dataplane {

namespace {

// Bounds what a listing costs a turn.
constexpr uint32_t kPlacesPerTurnMax = 256;
constexpr uint32_t kFlowsPerTurnMax = 64;

}  // namespace

bool FlowQuery::ask(FlowPlace place, uint32_t limit) noexcept {
  if (!is_answered()) return false;
  place_ = place;
  limit_ = std::clamp<uint32_t>(limit, 1, kFlowsMax);
  count_ = 0;
  reached_end_ = false;
  state_.store(State::kAsked, std::memory_order_release);  // pairs with the acquire in `serve`
  return true;
}

template <Family F>
void FlowQuery::copy_some(CoreContext& core) noexcept {
  FlowTable<F>& flows = core.flows<F>();
  const uint32_t end = flows.positions_end();
  auto position = static_cast<uint32_t>(place_.value);
  const uint32_t turn_end = position < end ? std::min(end, position + kPlacesPerTurnMax) : position;
  const uint32_t count_end = std::min(limit_, count_ + kFlowsPerTurnMax);
  for (; position < turn_end && count_ < count_end; ++position) {
    const FlowEntry<F>& entry = flows.at(position);
    if (entry.state == FlowState::kFree || entry.state == FlowState::kCut) continue;
    flows_[count_++] = make_event(entry, flows.detail(entry), EndReason::kNone, core.origin());
  }
  place_.value = (place_.value & FlowPlace::kIpv6Bit) | position;
  if (position < end) return;
  if constexpr (F == Family::kIpv4) {
    place_.value = FlowPlace::kIpv6Bit;
  } else {
    reached_end_ = true;
  }
}

void FlowQuery::serve(CoreContext& core) noexcept {
  if (state_.load(std::memory_order_acquire) != State::kAsked)
    return;  // pairs with the release in `ask`
  if ((place_.value & FlowPlace::kIpv6Bit) == 0) {
    copy_some<Family::kIpv4>(core);
  } else {
    copy_some<Family::kIpv6>(core);
  }
  if (count_ < limit_ && !reached_end_) return;
  state_.store(State::kIdle, std::memory_order_release);  // pairs with the acquire in `is_answered`
}

}  // namespace sluice::dataplane

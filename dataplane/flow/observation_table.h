// SPDX-License-Identifier: Apache-2.0
//
// The flows that one lcore observes, and when each is to be judged: fixed capacity, and a turn in
// which none is due costs one comparison.
//
// A wheel of time slots, each with a list of the flows that are due in it.
// Source: Varghese and Lauck, "Hashed and hierarchical timing wheels", 1987, scheme 6.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "dataplane/flow/observation.h"
#include "dataplane/flow/touched_array.h"
#include "dataplane/net/ip_address.h"

namespace sluice::dataplane {

// A flow while it is observed.
struct alignas(64) ObservedFlow {
  Observation seen;
  uint64_t due_ns = 0;              // when it is judged
  uint64_t response_due_ns = 0;     // until when its first response is waited for
  std::array<uint8_t, 8> client{};  // as in `ObservationEvent`
  uint32_t entry = 0;               // position in the flow table of its family
  uint32_t target = 0;              // TargetId
  uint32_t rollout = 0;             // RolloutId; 0: of none, its first response alone is wanted
  uint32_t age_ms = 0;              // at which it is judged
  uint32_t next = 0;                // links: a place plus 1; 0: none
  uint32_t previous = 0;
  Family family = Family::kIpv4;
  bool is_candidate = false;
  bool is_reconnect = false;
  bool awaits_response = false;  // which is summed up once
};
static_assert(sizeof(ObservedFlow) == 128);

// Thread: the lcore that owns it.  Alloc: startup; none after `create`.
class ObservationTable {
 public:
  // No flow may be due later than this after it is added.
  static constexpr uint64_t kAgeMaxNs = 60'000'000'000;

  // Errors: nullopt when memory is short.
  static std::optional<ObservationTable> create(uint32_t capacity) noexcept;

  // A place for the flow, with a copy of it.  Shape: it is due after the last `take_due`, by
  // `kAgeMaxNs` at most.  Errors: nullptr when none is free.
  ObservedFlow* add(const ObservedFlow& flow) noexcept;
  void remove(ObservedFlow& flow) noexcept;
  // Makes the flow due at another time; it keeps its place.  Shape: as for `add`.
  void postpone(ObservedFlow& flow, uint64_t due_ns) noexcept;

  uint32_t place(const ObservedFlow& flow) const noexcept {
    return static_cast<uint32_t>(&flow - flows_.elements());
  }
  ObservedFlow& at(uint32_t place) noexcept { return flows_[place]; }
  uint32_t size() const noexcept { return size_; }

  // Calls `judge` for flows that are due, up to `count` of them; it removes or postpones the flow.
  // What is left comes with the next call. A flow is judged within `kSlotNs` of its time.
  template <class Judge>
  void take_due(uint64_t now_ns, uint32_t count, Judge&& judge) noexcept;

 private:
  static constexpr unsigned kSlotShift = 24;
  static constexpr uint64_t kSlotNs = uint64_t{1} << kSlotShift;  // 17 ms
  static constexpr uint64_t kSlots = 8192;
  static_assert(kSlots * kSlotNs > 2 * kAgeMaxNs, "what is due a turn later never hides the first");

  // The first slot of time that begins when the flow is due, or later.
  static constexpr uint64_t tick(uint64_t due_ns) noexcept { return (due_ns >> kSlotShift) + 1; }
  void link(ObservedFlow& flow) noexcept;
  void unlink(const ObservedFlow& flow) noexcept;
  uint32_t& first_of(uint64_t tick) noexcept { return slots_[tick % kSlots]; }
  ObservedFlow& linked(uint32_t link) noexcept { return flows_[link - 1]; }

  TouchedArray<ObservedFlow> flows_;
  TouchedArray<uint32_t> slots_;  // links to the first flow of each
  uint64_t next_tick_ = 0;        // the first that was not taken yet
  uint32_t free_ = 0;             // link to the first free place that was used before
  uint32_t places_end_ = 0;       // no flow had a place from here on
  uint32_t size_ = 0;
};

template <class Judge>
void ObservationTable::take_due(uint64_t now_ns, uint32_t count, Judge&& judge) noexcept {
  const uint64_t now_tick = now_ns >> kSlotShift;
  if (next_tick_ > now_tick) [[likely]]
    return;
  if (size_ == 0) {
    next_tick_ = now_tick + 1;
    return;
  }
  if (now_tick - next_tick_ >= kSlots) next_tick_ = now_tick - kSlots + 1;
  for (; next_tick_ <= now_tick; ++next_tick_) {
    for (uint32_t link = first_of(next_tick_); link != 0;) {
      ObservedFlow& flow = linked(link);
      link = flow.next;
      if (flow.due_ns > now_ns) continue;  // after a standstill longer than the wheel
      if (count-- == 0) return;
      judge(flow);
    }
  }
}

}  // namespace sluice::dataplane

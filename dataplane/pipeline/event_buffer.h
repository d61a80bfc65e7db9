// SPDX-License-Identifier: Apache-2.0
//
// The events of one lcore on their way to a ring.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/flow/flow_event.h"
#include "dataplane/flow/observation_event.h"

namespace sluice::dataplane {

template <class Event>
class BufferOf {
 public:
  // Twice what one burst can write, so that the expiry sweep finds room beside it.
  static constexpr uint32_t kCapacity = 512;

  // Where it stands until `remove_first`.  Errors: nullptr when the buffer is full.
  Event* push(const Event& event) noexcept {
    if (count_ == kCapacity) return nullptr;
    events_[count_] = event;
    return &events_[count_++];
  }
  std::span<const Event> events() const noexcept { return {events_.data(), count_}; }
  uint32_t room() const noexcept { return kCapacity - count_; }

  void remove_first(size_t count) noexcept {
    count_ -= static_cast<uint32_t>(count);
    std::memmove(events_.data(), events_.data() + count, count_ * sizeof(Event));
  }

 private:
  std::array<Event, kCapacity> events_{};
  uint32_t count_ = 0;
};

using EventBuffer = BufferOf<FlowEvent>;
using ObservationBuffer = BufferOf<ObservationEvent>;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// The flow events of one lcore on their way to its ring.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/flow/flow_event.h"

namespace sluice::dataplane {

class EventBuffer {
 public:
  // Twice what one burst can write, so that the expiry sweep finds room beside it.
  static constexpr uint32_t kCapacity = 512;

  // Where it stands until `remove_first`.  Errors: nullptr when the buffer is full.
  FlowEvent* push(const FlowEvent& event) noexcept {
    if (count_ == kCapacity) return nullptr;
    events_[count_] = event;
    return &events_[count_++];
  }
  std::span<const FlowEvent> events() const noexcept { return {events_.data(), count_}; }
  uint32_t room() const noexcept { return kCapacity - count_; }

  void remove_first(size_t count) noexcept {
    count_ -= static_cast<uint32_t>(count);
    std::memmove(events_.data(), events_.data() + count, count_ * sizeof(FlowEvent));
  }

 private:
  std::array<FlowEvent, kCapacity> events_{};
  uint32_t count_ = 0;
};

}  // namespace sluice::dataplane

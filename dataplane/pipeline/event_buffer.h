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

// Positions hold until `remove_first`.
class EventBuffer {
 public:
  // Twice what one burst can write, so that the expiry sweep finds room beside it.
  static constexpr uint32_t kCapacity = 512;
  static constexpr uint32_t kNone = 0xffff'ffff;

  // Errors: kNone when it is full.
  [[nodiscard]] uint32_t push(const FlowEvent& event) noexcept {
    if (count_ == kCapacity) return kNone;
    events_[count_] = event;
    return count_++;
  }
  FlowEvent& operator[](uint32_t position) noexcept { return events_[position]; }
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

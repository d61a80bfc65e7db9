// SPDX-License-Identifier: Apache-2.0
//
// Events on their way from one lcore to the daemon: a bounded ring with one producer and one
// consumer.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include "dataplane/flow/flow_event.h"
#include "dataplane/flow/observation_event.h"
#include "dataplane/flow/touched_array.h"

namespace sluice::dataplane {

template <class Event>
class RingOf {
 public:
  // Shape: `capacity` is a power of two.  Alloc: startup.  Errors: false when memory is short.
  bool allocate(uint32_t capacity) noexcept {
    std::optional<TouchedArray<Event>> slots = TouchedArray<Event>::create(capacity);
    if (!slots) return false;
    slots_ = std::move(*slots);
    return true;
  }

  // How many of the first events fitted.  Thread: the producer.
  size_t push(std::span<const Event> events) noexcept {
    const uint64_t tail = tail_.load(std::memory_order_relaxed);
    // Acquire pairs with the release in `pop`: what was taken has been copied before it is
    // overwritten.
    const uint64_t used = tail - head_.load(std::memory_order_acquire);
    const size_t count = std::min<size_t>(events.size(), slots_.size() - used);
    for (size_t i = 0; i < count; ++i)
      slots_[(tail + i) & (slots_.size() - 1)] = events[i];
    tail_.store(tail + count, std::memory_order_release);  // pairs with the acquire in `pop`
    return count;
  }

  // How many events were taken, oldest first.  Thread: the consumer.
  size_t pop(std::span<Event> out) noexcept {
    const uint64_t head = head_.load(std::memory_order_relaxed);
    const uint64_t ready = tail_.load(std::memory_order_acquire) - head;  // pairs with `push`
    const size_t count = std::min<size_t>(out.size(), ready);
    for (size_t i = 0; i < count; ++i)
      out[i] = slots_[(head + i) & (slots_.size() - 1)];
    head_.store(head + count, std::memory_order_release);  // pairs with the acquire in `push`
    return count;
  }

  // Thread: any; what is true of a moving ring is past when this returns.
  bool is_empty() const noexcept {
    return head_.load(std::memory_order_acquire) == tail_.load(std::memory_order_acquire);
  }

 private:
  TouchedArray<Event> slots_;
  alignas(64) std::atomic<uint64_t> head_{0};  // written by the consumer
  alignas(64) std::atomic<uint64_t> tail_{0};  // written by the producer
};

using EventRing = RingOf<FlowEvent>;
using ObservationRing = RingOf<ObservationEvent>;

}  // namespace sluice::dataplane

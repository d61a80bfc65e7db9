// SPDX-License-Identifier: Apache-2.0
//
// A counter with one writer, readable by any thread.
#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::dataplane {

// Thread: `add`, `set` and `release` the owning lcore; the others any.  Cost: a plain load and
// store; no read-modify-write.
class Counter {
 public:
  void add(uint64_t count) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
  }
  void set(uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  // Whoever acquires the value that was released sees all that was counted before.
  void release(uint64_t value) noexcept { value_.store(value, std::memory_order_release); }
  uint64_t acquire() const noexcept { return value_.load(std::memory_order_acquire); }
  uint64_t read() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

}  // namespace sluice::dataplane

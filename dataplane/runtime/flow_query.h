// SPDX-License-Identifier: Apache-2.0
//
// A question to one lcore: which flows do you have? The lcore answers piece by piece, between
// bursts.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <span>

#include "dataplane/flow/flow_event.h"
#include "dataplane/pipeline/core_context.h"

namespace sluice::dataplane {

// A place in an lcore's flow tables: IPv4 positions first, then IPv6 ones.
struct FlowPlace {
  static constexpr uint64_t kIpv6Bit = uint64_t{1} << 32;
  uint64_t value = 0;
};

// Thread: `ask` and `answer` one thread at a time, `serve` the lcore.
class FlowQuery {
 public:
  static constexpr uint32_t kFlowsMax = 1024;

  // Asks for up to `limit` (1..kFlowsMax) flows from `place` on.
  // Errors: false when the lcore still works on an earlier question.
  bool ask(FlowPlace place, uint32_t limit) noexcept;
  // True when the lcore has answered: `flows` and `next` then hold until the next `ask`.
  bool is_answered() const noexcept {
    return state_.load(std::memory_order_acquire) != State::kAsked;
  }
  std::span<const FlowEvent> flows() const noexcept { return {flows_.data(), count_}; }
  FlowPlace next() const noexcept { return place_; }
  bool reached_end() const noexcept { return reached_end_; }

  // Copies a bounded number of flows.  Alloc: none.
  void serve(CoreContext& core) noexcept;

 private:
  enum class State : uint8_t { kIdle, kAsked };

  template <Family F>
  void copy_some(CoreContext& core) noexcept;

  std::atomic<State> state_{State::kIdle};
  FlowPlace place_;
  uint32_t limit_ = 0;
  uint32_t count_ = 0;
  bool reached_end_ = false;
  std::array<FlowEvent, kFlowsMax> flows_{};
};

}  // namespace sluice::dataplane

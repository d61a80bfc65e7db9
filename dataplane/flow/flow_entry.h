// SPDX-License-Identifier: Apache-2.0
//
// What an lcore remembers of one flow: the part that every packet touches, apart from what only
// records need.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "dataplane/flow/flow_event.h"
#include "dataplane/flow/tcp_state.h"
#include "dataplane/net/flow_key.h"

namespace sluice::dataplane {

// Units: times of the monotonic clock.  Ids are those of `table`, as plain numbers: this module
// knows no tables.
template <Family F>
struct alignas(64) FlowEntry {
  FlowKey<F> key;
  FlowCounts counts;  // of this part
  uint64_t last_seen_ns = 0;
  uint32_t backend = 0;  // BackendId
  uint32_t target = 0;   // TargetId
  uint32_t epoch = 0;    // eligibility was last checked in this one
  uint32_t timeout_ms = 0;
  FlowState state = FlowState::kFree;
  bool is_observed = false;  // its detail says where
  uint8_t tcp_flags = 0;     // all that this part saw
  Opened opened = Opened::kSyn;
  uint32_t next_free = 0;  // position; only while free

  // Whether the flow itself gives no reason to look closer at its next packet: it is not closing
  // and not observed.  Cost: one comparison for both, so that flows of nobody's rollout pay nothing
  // for those that are observed.
  bool is_steady() const noexcept {
    static_assert(std::endian::native == std::endian::little, "`is_observed` is the higher byte");
    uint16_t observed_and_state;
    std::memcpy(&observed_and_state, reinterpret_cast<const char*>(this) + kStateOffset,
                sizeof observed_and_state);
    return observed_and_state < static_cast<uint16_t>(FlowState::kClosing);
  }

 private:
  static constexpr size_t kStateOffset =
      sizeof(FlowKey<F>) + sizeof(FlowCounts) + sizeof(uint64_t) + 4 * sizeof(uint32_t);
};
static_assert(sizeof(FlowEntry<Family::kIpv4>) == 64, "a packet of a known flow writes one line");
static_assert(sizeof(FlowEntry<Family::kIpv6>) == 128);
static_assert(std::is_trivially_copyable_v<FlowEntry<Family::kIpv4>>);

// Read and written when a part starts or ends, and once when the handshake completes.
struct alignas(64) FlowDetail {
  uint64_t flow_id = 0;
  uint64_t generation = 0;
  uint64_t revision = 0;
  uint64_t view = 0;
  uint64_t start_ns = 0;
  uint32_t client_class = 0;  // ClassId
  uint32_t part = 0;
  uint32_t handshake_us = 0;
  uint32_t observation = 0;  // place of its `ObservedFlow`; of use while the entry says so
  EndReason cut_reason = EndReason::kNone;  // only while the state is kCut
};
static_assert(sizeof(FlowDetail) == 64);

// How to turn what one lcore remembers into what everybody reads.
struct EventOrigin {
  uint64_t realtime_offset_ns = 0;  // CLOCK_REALTIME - CLOCK_MONOTONIC
  uint8_t lcore = 0;
};

template <Family F>
FlowEvent make_event(const FlowEntry<F>& entry, const FlowDetail& detail, EndReason reason,
                     const EventOrigin& origin) noexcept;

}  // namespace sluice::dataplane

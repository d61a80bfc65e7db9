// SPDX-License-Identifier: Apache-2.0
//
// What an lcore writes about a flow that it observed for a rollout: fixed size, ids instead of
// names.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "dataplane/net/ip_address.h"

namespace sluice::dataplane {

struct ObservationEvent {
  uint64_t start_ns = 0;  // CLOCK_REALTIME
  uint64_t response_bytes = 0;
  std::array<uint8_t, 8> client{};  // an IPv4 address in 4 of them, or the first 8 of an IPv6 one
  uint32_t target = 0;              // TargetId
  uint32_t rollout = 0;             // RolloutId
  uint32_t age_ms = 0;
  uint32_t syn_retransmissions = 0;
  uint32_t handshake_us = 0;
  uint32_t request_bytes = 0;
  uint32_t response_us = 0;
  Family family = Family::kIpv4;
  bool is_candidate = false;
  bool was_reset = false;
  bool is_reconnect = false;
};
static_assert(std::is_trivially_copyable_v<ObservationEvent> && sizeof(ObservationEvent) <= 64);

}  // namespace sluice::dataplane

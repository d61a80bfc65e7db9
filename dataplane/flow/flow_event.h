// SPDX-License-Identifier: Apache-2.0
//
// What an lcore writes about a part of a flow when it starts or ends: fixed size, ids instead of
// names.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "dataplane/net/ip_address.h"

namespace sluice::dataplane {

enum class Opened : uint8_t { kSyn = 1, kAdopted, kDatagram };  // numbers of sluice.v1.Opened
enum class EndReason : uint8_t {                                // numbers of sluice.v1.EndReason
  kNone,
  kFin,
  kReset,
  kIdle,
  kMoved,
  kRevoked,
  kRecalled,
  kEvicted,
  kShutdown
};

// What a part has sent.
struct FlowCounts {
  uint64_t packets = 0;
  uint64_t bytes = 0;  // of IP packets before encapsulation
};

struct FlowEvent {
  uint64_t flow_id = 0;  // lcore << 48 | count; unique per incarnation
  uint64_t generation = 0;
  uint64_t revision = 0;
  uint64_t view = 0;
  uint64_t start_ns = 0;  // CLOCK_REALTIME
  uint64_t last_ns = 0;   // of the last packet
  FlowCounts counts;
  std::array<uint8_t, 16> client{};  // 4 or 16 bytes used
  std::array<uint8_t, 16> service{};
  uint32_t target = 0;        // TargetId
  uint32_t client_class = 0;  // ClassId
  uint32_t part = 1;
  uint32_t handshake_us = 0;  // 0: not seen
  uint16_t client_port = 0;   // host order
  uint16_t service_port = 0;  // host order
  uint8_t protocol = 0;
  Family family = Family::kIpv4;
  uint8_t tcp_flags = 0;
  Opened opened = Opened::kSyn;
  EndReason end_reason = EndReason::kNone;  // kNone: start, or a live flow in a listing
  uint8_t lcore = 0;
};
static_assert(std::is_trivially_copyable_v<FlowEvent> && sizeof(FlowEvent) <= 128);

}  // namespace sluice::dataplane

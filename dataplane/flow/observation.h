// SPDX-License-Identifier: Apache-2.0
//
// What the packets of a TCP client show of its server, which answers the client directly and is
// never seen here.
// Source: RFC 9293 section 3.4 (numbers go round), RFC 7323 section 2.3 (the largest window).
#pragma once

#include <cstdint>
#include <type_traits>

#include "dataplane/flow/tcp_state.h"

namespace sluice::dataplane {

// One packet of the client.
struct ClientSegment {
  uint64_t time_ns = 0;
  uint32_t sequence = 0;
  uint32_t acknowledgment = 0;  // says something only with ACK
  uint32_t payload_bytes = 0;
  uint8_t tcp_flags = 0;
};

// Units: times of the monotonic clock.
struct Observation {
  uint64_t start_ns = 0;    // of the first SYN
  uint64_t request_ns = 0;  // of the first payload
  // How far the client's acknowledgements have come since then. A server that closes without a word
  // makes it 1.
  uint64_t progress = 0;
  uint32_t first_sequence = 0;  // the SYN's
  uint32_t next_sequence = 0;   // behind all payload seen
  uint32_t acknowledged = 0;    // the highest acknowledgement number; of use once `is_answered`
  uint32_t syn_retransmissions = 0;
  uint32_t handshake_us = 0;   // from the first SYN to the client's next segment; 0: none seen
  uint32_t request_bytes = 0;  // each once, however often it is sent; stops at the largest number
  uint32_t response_us = 0;    // from the first payload to the first progress; 0: none seen
  bool is_answered = false;    // the client acknowledged the server's SYN
  bool has_request = false;
  bool was_reset = false;  // by the client
};
static_assert(std::is_trivially_copyable_v<Observation> && sizeof(Observation) <= 64);

// An observation that begins with this SYN.
Observation begin_observation(const ClientSegment& syn) noexcept;

// Takes one more packet of the client in.  Cost: a few comparisons; no memory but the observation.
void observe(const ClientSegment& segment, Observation& observation) noexcept;

// What the server sent and the client acknowledged since its request began. The server's FIN counts
// as one byte where it follows others, and alone as none.
constexpr uint64_t response_bytes(const Observation& observation) noexcept {
  return observation.progress > 1 ? observation.progress : 0;
}

}  // namespace sluice::dataplane

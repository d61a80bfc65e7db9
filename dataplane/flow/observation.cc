// SPDX-License-Identifier: Apache-2.0
//
// Reading a server's behaviour off its client's numbers.
#include "dataplane/flow/observation.h"

#include <algorithm>

namespace sluice::dataplane {

namespace {

// No number of a living connection is further ahead than the largest window.
constexpr uint32_t kWindowMax = uint32_t{1} << 30;

// How far `number` is ahead of `base`; 0: it is not, or not of this connection.
constexpr uint32_t advance_of(uint32_t number, uint32_t base) noexcept {
  const uint32_t distance = number - base;  // modulo 2^32, as the numbers are
  return distance <= kWindowMax ? distance : 0;
}

// At least 1, because 0 means that it was not seen.
uint32_t microseconds(uint64_t from_ns, uint64_t to_ns) noexcept {
  const uint64_t elapsed_us = to_ns > from_ns ? (to_ns - from_ns) / 1000 : 0;
  return static_cast<uint32_t>(std::clamp<uint64_t>(elapsed_us, 1, UINT32_MAX));
}

void take_payload(const ClientSegment& segment, Observation& observation) noexcept {
  if (segment.payload_bytes == 0) return;
  const uint32_t end = segment.sequence + segment.payload_bytes;
  const uint32_t new_bytes = advance_of(end, observation.next_sequence);
  if (new_bytes == 0) return;  // sent before: retransmitted, or a probe of the window
  observation.next_sequence = end;
  observation.request_bytes += std::min(new_bytes, UINT32_MAX - observation.request_bytes);
  if (observation.has_request) return;
  observation.has_request = true;
  observation.request_ns = segment.time_ns;
}

// The SYN takes a number of its own; payload may come with it (RFC 7413).
void take_syn(const ClientSegment& syn, Observation& observation) noexcept {
  observation.first_sequence = syn.sequence;
  observation.next_sequence = syn.sequence + 1;
  observation.request_bytes = 0;
  observation.has_request = false;
  ClientSegment behind_it = syn;
  ++behind_it.sequence;
  take_payload(behind_it, observation);
}

// The first one acknowledges the server's SYN alone: no progress.
void take_acknowledgment(const ClientSegment& segment, Observation& observation) noexcept {
  if (!observation.is_answered) {
    observation.is_answered = true;
    observation.handshake_us = microseconds(observation.start_ns, segment.time_ns);
    observation.acknowledged = segment.acknowledgment;
    return;
  }
  const uint32_t progress = advance_of(segment.acknowledgment, observation.acknowledged);
  if (progress == 0) return;
  observation.acknowledged = segment.acknowledgment;
  if (!observation.has_request) return;  // a server that speaks first
  observation.progress += progress;
  if (observation.response_us == 0 && response_bytes(observation) != 0)
    observation.response_us = microseconds(observation.request_ns, segment.time_ns);
}

}  // namespace

Observation begin_observation(const ClientSegment& syn) noexcept {
  Observation observation{.start_ns = syn.time_ns};
  take_syn(syn, observation);
  return observation;
}

void observe(const ClientSegment& segment, Observation& observation) noexcept {
  if ((segment.tcp_flags & kTcpRst) != 0) {
    observation.was_reset = true;
    return;
  }
  if (is_opening_syn(segment.tcp_flags)) {
    if (observation.is_answered) return;  // a late copy
    if (segment.sequence == observation.first_sequence) {
      ++observation.syn_retransmissions;
    } else {
      take_syn(segment, observation);  // the client gave the first one up and tries again
    }
    return;
  }
  // Servers take no segment without ACK (RFC 9293 section 3.10.7.4), and clients answer no SYN.
  if ((segment.tcp_flags & (kTcpAck | kTcpSyn)) != kTcpAck) return;
  take_acknowledgment(segment, observation);
  take_payload(segment, observation);
}

}  // namespace sluice::dataplane

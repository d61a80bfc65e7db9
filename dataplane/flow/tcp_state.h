// SPDX-License-Identifier: Apache-2.0
//
// The state of a flow as its client's packets show it: the server answers directly, so that its
// side is never seen.
#pragma once

#include <cstdint>

#include "dataplane/flow/flow_event.h"
#include "dataplane/flow/flow_timeouts.h"

namespace sluice::dataplane {

inline constexpr uint8_t kTcpFin = 0x01;
inline constexpr uint8_t kTcpSyn = 0x02;
inline constexpr uint8_t kTcpRst = 0x04;
inline constexpr uint8_t kTcpAck = 0x10;

enum class FlowState : uint8_t {
  kFree,      // no flow: the entry is not in use
  kOpening,   // SYN seen, nothing after it
  kOpen,      // more than the SYN seen, or adopted
  kDatagram,  // not TCP
  // From here on a packet of the flow takes a closer look.
  kClosing,  // the client's FIN or RST seen
  kCut,      // no flow any more: what is left of TCP that Sluice reset, so that nobody adopts it
};

// A SYN that asks for a new connection; a SYN with ACK answers one.
constexpr bool is_opening_syn(uint8_t tcp_flags) noexcept {
  return (tcp_flags & (kTcpSyn | kTcpAck)) == kTcpSyn;
}

constexpr FlowState first_state(uint8_t tcp_flags) noexcept {
  if (is_opening_syn(tcp_flags)) return FlowState::kOpening;
  return (tcp_flags & (kTcpFin | kTcpRst)) != 0 ? FlowState::kClosing : FlowState::kOpen;
}

// The state after one more packet. A repeated SYN changes nothing; a closing flow stays closing.
constexpr FlowState next_state(FlowState state, uint8_t tcp_flags) noexcept {
  if (state >= FlowState::kDatagram) return state;
  if ((tcp_flags & (kTcpFin | kTcpRst)) != 0) return FlowState::kClosing;
  return is_opening_syn(tcp_flags) ? state : FlowState::kOpen;
}

// Why a flow that nobody continues has ended, from its state and all flags seen.
constexpr EndReason quiet_end(FlowState state, uint8_t tcp_flags_seen) noexcept {
  if (state != FlowState::kClosing) return EndReason::kIdle;
  return (tcp_flags_seen & kTcpRst) != 0 ? EndReason::kReset : EndReason::kFin;
}

// Shape: `service_tcp_idle_ms` 0 means the node's default.  Units: milliseconds.
constexpr uint32_t timeout_ms(FlowState state, const FlowTimeouts& timeouts,
                              uint32_t service_tcp_idle_ms) noexcept {
  const auto count = [](std::chrono::milliseconds time) {
    return static_cast<uint32_t>(time.count());
  };
  switch (state) {
    case FlowState::kOpening:
      return count(timeouts.tcp_opening);
    case FlowState::kClosing:
    case FlowState::kCut:
      return count(timeouts.tcp_closing);
    case FlowState::kDatagram:
      return count(timeouts.udp_idle);
    default:
      return service_tcp_idle_ms != 0 ? service_tcp_idle_ms : count(timeouts.tcp_idle);
  }
}

}  // namespace sluice::dataplane

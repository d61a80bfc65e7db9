// SPDX-License-Identifier: Apache-2.0
//
// The long way through a packet's headers, for what is not plain.
#pragma once

#include "dataplane/flow/tcp_state.h"
#include "dataplane/net/headers.h"
#include "dataplane/pipeline/drop_reason.h"
#include "dataplane/pipeline/packet.h"

namespace sluice::dataplane {

// All headers lie within this much of the frame's first segment.
inline constexpr uint16_t kHeaderBytesMax = 256;

// No connection is made with the others: NULL, XMAS and SYN+FIN scans.
constexpr bool are_flags_possible(uint8_t flags) noexcept {
  constexpr uint8_t kMeaningful = kTcpSyn | kTcpAck | kTcpRst | kTcpFin;
  const bool contradicts = (flags & kTcpSyn) != 0 && (flags & (kTcpFin | kTcpRst)) != 0;
  return (flags & kMeaningful) != 0 && !contradicts;
}

// Of Ethernet: to this node alone, from one host.
inline bool is_unicast(const uint8_t* frame) noexcept {
  constexpr uint8_t kGroupBit = 0x01;  // of a MAC address: multicast or broadcast
  return ((frame[ethernet::kDestination] | frame[ethernet::kSource]) & kGroupBit) == 0;
}

// Makes headers contiguous. A frame of one segment, the rule, is left alone.
inline bool headers_contiguous(rte_mbuf* mbuf) noexcept {
  if (mbuf->nb_segs == 1 || mbuf->data_len >= kHeaderBytesMax) return true;
  return rte_pktmbuf_linearize(mbuf) == 0;
}

// Reads IPv4 with options, IPv6 with extension headers, fragments, TCP and UDP; cuts off what the
// link added behind the packet. Decides what a packet is, and whether it may be, for all packets;
// what parse takes a shorter way with comes out the same.
// Shape: `mbuf` and `l2_bytes` are set, the headers contiguous.  Errors: why the packet is dropped;
// kCount: it goes on.
template <Family F>
DropReason parse_headers(Packet<F>& packet) noexcept;

}  // namespace sluice::dataplane

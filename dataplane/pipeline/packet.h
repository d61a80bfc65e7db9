// SPDX-License-Identifier: Apache-2.0
//
// What the stages know about each packet of a burst.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/net/flow_key.h"
#include "dataplane/pipeline/mbuf.h"
#include "dataplane/table/ids.h"
#include "dataplane/table/snapshot.h"

namespace sluice::dataplane {

inline constexpr uint16_t kBurstMax = 64;

// Whom a packet counts for once the port has taken it.
struct Account {
  enum class Kind : uint8_t { kRecorded, kUnrecorded, kReply };
  static constexpr uint32_t kNone = 0xffff'ffff;

  Kind kind = Kind::kRecorded;
  Family family = Family::kIpv4;
  bool is_syn = false;
  uint32_t target = 0;     // TargetId
  uint32_t bytes = 0;      // of the IP packet before encapsulation
  uint32_t entry = kNone;  // position in the flow table, while the part goes on
  uint32_t event = kNone;  // position in the event buffer, when the part ended later in the burst
};

enum class PacketKind : uint8_t {
  kFlow,  // TCP or UDP with a whole header
  kFragment,
  kUnsupported,  // a protocol without ports, or a header that services cannot take
};

template <Family F>
struct Packet {
  rte_mbuf* mbuf = nullptr;
  // Set by parse. All of the IP packet from its first byte: `ip_bytes` long, `l2_bytes` into the
  // frame.
  FlowKey<F> key;
  uint16_t l2_bytes = 0;
  uint16_t ip_bytes = 0;
  uint16_t l4_offset = 0;
  uint8_t hop_limit = 0;
  uint8_t tcp_flags = 0;
  PacketKind kind = PacketKind::kUnsupported;
  // Set by classify.
  ServiceIndex service;
  uint64_t hash = 0;
  // Set by track and steer; the line is valid until the lcore reports quiescence.
  const BackendLine* line = nullptr;
  Account account;

  uint8_t* frame() const noexcept { return bytes_of(mbuf); }
  uint8_t* ip() const noexcept { return bytes_of(mbuf) + l2_bytes; }
};

// The packets of one family in a burst. Stages keep survivors in `live`, in order and without gaps.
template <Family F>
struct Burst {
  std::array<Packet<F>, kBurstMax> packets;
  std::array<uint8_t, kBurstMax> live;   // positions in `packets`
  std::array<uint8_t, kBurstMax> fresh;  // set aside by track for steer
  uint8_t size = 0;                      // of `packets`
  uint8_t count = 0;                     // of `live`
  uint8_t fresh_count = 0;

  void clear() noexcept { size = count = fresh_count = 0; }
  Packet<F>& append(rte_mbuf* mbuf) noexcept {
    Packet<F>& packet = packets[size];
    packet = Packet<F>{};
    packet.mbuf = mbuf;
    live[count++] = size++;
    return packet;
  }
  std::span<Packet<F>> all() noexcept { return {packets.data(), size}; }
  void set_aside(const Packet<F>& packet) noexcept {
    fresh[fresh_count++] = static_cast<uint8_t>(&packet - packets.data());
  }
  Packet<F>& at(uint8_t position) noexcept { return packets[live[position]]; }

  // Calls `survives` for every live packet in order; those for which it is false are no longer
  // live.
  template <class Survives>
  void filter(Survives&& survives) noexcept {
    uint8_t kept = 0;
    for (uint8_t i = 0; i < count; ++i) {
      if (survives(at(i))) live[kept++] = live[i];
    }
    count = kept;
  }
};

}  // namespace sluice::dataplane

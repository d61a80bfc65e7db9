// SPDX-License-Identifier: Apache-2.0
//
// What the stages know about each packet of a burst.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/flow/flow_entry.h"
#include "dataplane/net/flow_key.h"
#include "dataplane/net/keyed_hash_burst.h"
#include "dataplane/pipeline/lcore_counters.h"
#include "dataplane/pipeline/mbuf.h"
#include "dataplane/table/ids.h"
#include "dataplane/table/snapshot.h"
#include "dataplane/table/steer.h"

namespace sluice::dataplane {

inline constexpr uint16_t kBurstMax = 64;
static_assert(kBurstMax == KeyColumns<1>::kRows);

// Whom a packet counts for once the port has taken it.
struct Account {
  enum class Kind : uint8_t {
    kRecorded,
    kUnrecorded,
    kReply,  // the packet turned into its answer
    kExtra,  // no packet that came in: made beside one, so that the balance leaves it out
  };

  // Of the part: in the flow table, or in the event that waits when the part ended later in the
  // burst. nullptr: of none, or of one whose event found no room.
  FlowCounts* counts;
  TargetCounters* target;
  uint16_t bytes;  // of the IP packet before encapsulation
  Kind kind;
  bool is_syn;
};

enum class PacketKind : uint8_t {
  kFlow,          // TCP or UDP with a whole header
  kExpiringFlow,  // the same, with a TTL or hop limit of 1 or less
  kGroupFlow,     // the same, to or from a group of hosts on the link
  kFragment,
  kUnsupported,  // a protocol without ports, or a header that services cannot take
};
constexpr bool has_ports(PacketKind kind) noexcept {
  return kind != PacketKind::kFragment && kind != PacketKind::kUnsupported;
}

// Not initialised: each stage sets what the next ones read.
template <Family F>
struct Packet {
  rte_mbuf* mbuf;
  // Set by parse. The IP packet begins `l2_bytes` into the frame.
  FlowKey<F> key;
  uint16_t l4_offset;
  uint8_t l2_bytes;
  PacketKind kind;
  uint8_t tcp_flags;
  uint64_t hash;         // set by hash_keys
  FlowEntry<F>* entry;   // by track, of what is fresh: the flow as track found it, or nullptr
  ServiceIndex service;  // by classify, of what no known flow claims
  // By track and steer; valid until the lcore reports quiescence.
  const BackendLine* line;
  Account account;  // valid until `finish_burst`; `counts` and `bytes` are set from the start

  uint16_t ip_bytes() const noexcept { return account.bytes; }
  uint8_t* frame() const noexcept { return bytes_of(mbuf); }
  uint8_t* ip() const noexcept { return bytes_of(mbuf) + l2_bytes; }
};

// The packets of one family in a burst. From track on each is in `live`, bound for its backend, or
// in `fresh`, or has left.
template <Family F>
struct Burst {
  std::array<Packet<F>, kBurstMax> packets;
  std::array<Packet<F>*, kBurstMax> live;
  std::array<Packet<F>*, kBurstMax> fresh;  // no known flow claims them as they are
  Packet<F>* end = packets.data();          // of those in `packets`
  uint32_t count = 0;                       // of `live`
  uint32_t fresh_count = 0;
  KeyColumns<FlowKey<F>::kWords> columns;     // what is hashed next
  std::array<Decision, kBurstMax> decisions;  // on `fresh`, while they are steered

  void clear() noexcept {
    end = packets.data();
    count = fresh_count = 0;
  }
  // The next packet, which `keep` makes one of the burst.
  Packet<F>& next(rte_mbuf* mbuf) noexcept {
    end->mbuf = mbuf;
    end->account.counts = nullptr;
    return *end;
  }
  void keep() noexcept { ++end; }
  std::span<Packet<F>> all() noexcept { return {packets.data(), end}; }
  std::span<Packet<F>* const> survivors() noexcept { return {live.data(), count}; }
  void forward(Packet<F>& packet) noexcept { live[count++] = &packet; }
  void set_aside(Packet<F>& packet) noexcept { fresh[fresh_count++] = &packet; }

  // Calls `stays` for every fresh packet in order; those for which it is false have left.
  template <class Stays>
  void filter_fresh(Stays&& stays) noexcept {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < fresh_count; ++i) {
      Packet<F>* const packet = fresh[i];
      if (stays(*packet)) fresh[kept++] = packet;
    }
    fresh_count = kept;
  }
};

}  // namespace sluice::dataplane

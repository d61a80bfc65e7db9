// SPDX-License-Identifier: Apache-2.0
//
// Classification. What is not for a service is judged by nobody here: it may be the kernel's.
#include "dataplane/pipeline/classify.h"

#include <cstring>

#include "dataplane/net/headers.h"

namespace sluice::dataplane {

namespace {

constexpr uint8_t kGroupBit = 0x01;  // of a MAC address: multicast or broadcast

// Source: RFC 1122 section 3.2.1.3, RFC 6890.
bool can_be_source_ipv4(const uint8_t* source) noexcept {
  constexpr uint8_t kThisNetwork = 0, kLoopback = 127, kMulticastFirst = 224;
  return source[0] != kThisNetwork && source[0] != kLoopback && source[0] < kMulticastFirst;
}

// Source: RFC 4291 section 2.5 (unspecified, loopback, link-local), 2.7 (multicast).
bool can_be_source_ipv6(const uint8_t* source) noexcept {
  constexpr uint8_t kNearZero[15] = {};
  const bool is_unspecified_or_loopback =
      std::memcmp(source, kNearZero, sizeof kNearZero) == 0 && source[15] <= 1;
  const bool is_link_local = source[0] == 0xfe && (source[1] & 0xc0) == 0x80;
  return source[0] != 0xff && !is_unspecified_or_loopback && !is_link_local;
}

// Whether an answer could reach the sender, and the packet was meant for this node alone.
template <Family F>
bool has_usable_addresses(const Packet<F>& packet) noexcept {
  const uint8_t* const frame = packet.frame();
  if (((frame[ethernet::kDestination] | frame[ethernet::kSource]) & kGroupBit) != 0) return false;
  const uint8_t* const source = packet.key.source();
  if (std::memcmp(source, packet.key.destination(), FlowKey<F>::kAddressBytes) == 0) return false;
  return F == Family::kIpv4 ? can_be_source_ipv4(source) : can_be_source_ipv6(source);
}

template <Family F>
DropReason classify_one(Packet<F>& packet, const ServiceLookup& services) noexcept {
  if (packet.kind != PacketKind::kFlow) [[unlikely]] {
    if (!services.has_address<F>(packet.key.destination())) return DropReason::kNotForService;
    return packet.kind == PacketKind::kFragment ? DropReason::kFragment : DropReason::kUnsupported;
  }
  packet.service = services.find(packet.key);
  if (packet.service.is_none()) return DropReason::kNotForService;
  if (!has_usable_addresses(packet)) return DropReason::kBadAddress;
  return packet.hop_limit <= 1 ? DropReason::kTtlExpired : DropReason::kCount;
}

}  // namespace

template <Family F>
void classify(Burst<F>& burst, const Snapshot& snapshot, CoreContext& core) noexcept {
  const ServiceLookup& services = snapshot.table->service_lookup;
  FlowTable<F>& flows = core.flows<F>();
  burst.filter([&](Packet<F>& packet) {
    const DropReason problem = classify_one(packet, services);
    if (problem != DropReason::kCount) {
      core.drop(packet.mbuf, problem);
      return false;
    }
    packet.hash = flows.hash(packet.key);
    flows.prefetch_bucket(packet.hash);
    return true;
  });
}

template void classify(Burst<Family::kIpv4>&, const Snapshot&, CoreContext&) noexcept;
template void classify(Burst<Family::kIpv6>&, const Snapshot&, CoreContext&) noexcept;

}  // namespace sluice::dataplane

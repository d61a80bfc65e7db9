// SPDX-License-Identifier: Apache-2.0
//
// Classification. What is not for a service is judged by nobody here: it may be the kernel's.
#include "dataplane/pipeline/classify.h"

#include "dataplane/net/headers.h"

namespace sluice::dataplane {

namespace {

// Source: RFC 1122 section 3.2.1.3, RFC 6890.
bool can_be_source(const FlowKey<Family::kIpv4>& key) noexcept {
  constexpr uint8_t kThisNetwork = 0, kLoopback = 127, kMulticastFirst = 224;
  const uint8_t first = key.source()[0];
  return first != kThisNetwork && first != kLoopback && first < kMulticastFirst;
}

// Source: RFC 4291 section 2.5 (unspecified, loopback, link-local), 2.7 (multicast).
bool can_be_source(const FlowKey<Family::kIpv6>& key) noexcept {
  const uint8_t* const source = key.source();
  const bool is_unspecified_or_loopback =
      key.words[0] == 0 && load_be32(source + 8) == 0 && load_be32(source + 12) <= 1;
  const bool is_link_local = source[0] == 0xfe && (source[1] & 0xc0) == 0x80;
  return source[0] != 0xff && !is_unspecified_or_loopback && !is_link_local;
}

bool is_from_itself(const FlowKey<Family::kIpv4>& key) noexcept {
  return static_cast<uint32_t>(key.words[0]) == key.words[0] >> 32;
}

bool is_from_itself(const FlowKey<Family::kIpv6>& key) noexcept {
  return key.words[0] == key.words[2] && key.words[1] == key.words[3];
}

// What has no ports to look up.
template <Family F>
DropReason classify_portless(const Packet<F>& packet, const ServiceLookup& services) noexcept {
  if (!services.has_address<F>(packet.key.destination())) return DropReason::kNotForService;
  return packet.kind == PacketKind::kFragment ? DropReason::kFragment : DropReason::kUnsupported;
}

template <Family F>
DropReason classify_one(Packet<F>& packet, const ServiceLookup& services) noexcept {
  if (!has_ports(packet.kind)) return classify_portless(packet, services);
  packet.service = services.find(packet.key);
  if (packet.service.is_none()) return DropReason::kNotForService;
  const bool is_bad = packet.kind == PacketKind::kGroupFlow || is_from_itself(packet.key) ||
                      !can_be_source(packet.key);
  if (is_bad) return DropReason::kBadAddress;
  return packet.kind == PacketKind::kExpiringFlow ? DropReason::kTtlExpired : DropReason::kCount;
}

}  // namespace

template <Family F>
void classify(Burst<F>& burst, const Snapshot& snapshot, CoreContext& core) noexcept {
  const ServiceLookup& services = snapshot.table->service_lookup;
  burst.filter_fresh([&](Packet<F>& packet) {
    const DropReason problem = classify_one(packet, services);
    if (problem == DropReason::kCount) [[likely]]
      return true;
    core.drop(packet.mbuf, problem);
    return false;
  });
}

template void classify(Burst<Family::kIpv4>&, const Snapshot&, CoreContext&) noexcept;
template void classify(Burst<Family::kIpv6>&, const Snapshot&, CoreContext&) noexcept;

}  // namespace sluice::dataplane

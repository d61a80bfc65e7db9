// SPDX-License-Identifier: Apache-2.0
//
// Classification. What is not for a service is judged by nobody here: it may be the kernel's.
#include "dataplane/pipeline/classify.h"

#include "dataplane/net/source_address.h"

namespace sluice::dataplane {

namespace {

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

// SPDX-License-Identifier: Apache-2.0
//
// Known flows: look-up and stickiness.
#include "dataplane/pipeline/track.h"

#include "dataplane/pipeline/flow_life.h"

namespace sluice::dataplane {

namespace {

// The line of a flow that goes on as nearly all do: not closing, cut or observed, its backend
// keeping its flows, the epoch the entry's own.  Errors: nullptr, when it takes a closer look.
template <Family F>
const BackendLine* steady_line(const FlowEntry<F>& entry, const Snapshot& snapshot) noexcept {
  const BackendLine* const line = snapshot.find(BackendId{entry.backend});
  const bool is_steady =
      line != nullptr && line->keeps_flows && entry.epoch == snapshot.epoch && entry.is_steady();
  return is_steady ? line : nullptr;
}

// False: the packet is not of a known flow that simply goes on. A SYN may be the first of another.
template <Family F>
bool continue_flow(Packet<F>& packet, const Snapshot& snapshot, CoreContext& core) noexcept {
  if (packet.kind != PacketKind::kFlow) [[unlikely]]
    return false;
  packet.entry = core.flows<F>().find(packet.key, packet.hash, packet.entry);
  if (packet.entry == nullptr) return false;
  packet.line = steady_line(*packet.entry, snapshot);
  if (packet.line == nullptr || (packet.tcp_flags & kTcpSyn) != 0) [[unlikely]]
    return false;
  continue_part(packet, *packet.entry, snapshot, core);
  return true;
}

}  // namespace

template <Family F>
void track(Burst<F>& burst, const Snapshot& snapshot, CoreContext& core) noexcept {
  FlowTable<F>& flows = core.flows<F>();
  for (Packet<F>& packet : burst.all())
    packet.entry = flows.guess(packet.hash);
  for (Packet<F>& packet : burst.all()) {
    if (continue_flow(packet, snapshot, core)) [[likely]] {
      burst.forward(packet);
    } else {
      burst.set_aside(packet);
    }
  }
}

template void track(Burst<Family::kIpv4>&, const Snapshot&, CoreContext&) noexcept;
template void track(Burst<Family::kIpv6>&, const Snapshot&, CoreContext&) noexcept;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Entries of the flow table as flow events.
#include "dataplane/flow/flow_entry.h"

#include <cstring>

namespace sluice::dataplane {

template <Family F>
FlowEvent make_event(const FlowEntry<F>& entry, const FlowDetail& detail, EndReason reason,
                     const EventOrigin& origin) noexcept {
  FlowEvent event;
  event.flow_id = detail.flow_id;
  event.generation = detail.generation;
  event.revision = detail.revision;
  event.view = detail.view;
  event.start_ns = detail.start_ns + origin.realtime_offset_ns;
  event.last_ns = entry.last_seen_ns + origin.realtime_offset_ns;
  event.counts = entry.counts;
  std::memcpy(event.client.data(), entry.key.source(), FlowKey<F>::kAddressBytes);
  std::memcpy(event.service.data(), entry.key.destination(), FlowKey<F>::kAddressBytes);
  event.target = entry.target;
  event.client_class = detail.client_class;
  event.part = detail.part;
  event.handshake_us = detail.handshake_us;
  event.client_port = entry.key.source_port().host();
  event.service_port = entry.key.destination_port().host();
  event.protocol = entry.key.protocol();
  event.family = F;
  event.tcp_flags = entry.tcp_flags;
  event.opened = entry.opened;
  event.end_reason = reason;
  event.lcore = origin.lcore;
  return event;
}

template FlowEvent make_event(const FlowEntry<Family::kIpv4>&, const FlowDetail&, EndReason,
                              const EventOrigin&) noexcept;
template FlowEvent make_event(const FlowEntry<Family::kIpv6>&, const FlowDetail&, EndReason,
                              const EventOrigin&) noexcept;

}  // namespace sluice::dataplane

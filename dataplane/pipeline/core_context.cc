// SPDX-License-Identifier: Apache-2.0
//
// Making an lcore's context, and what every stage does with packets that leave.
#include "dataplane/pipeline/core_context.h"

#include <utility>

#include "dataplane/table/registry.h"

namespace sluice::dataplane {

std::unique_ptr<CoreContext> CoreContext::create(const CoreSettings& settings) {
  auto flows_v4 = FlowTable<Family::kIpv4>::create(settings.flow_capacity, settings.flow_key);
  auto flows_v6 = FlowTable<Family::kIpv6>::create(settings.flow_capacity, settings.flow_key);
  auto targets = TouchedArray<TargetCounters>::create(size_t{Registry::kTargetsMax} + 1);
  auto handshakes = TouchedArray<HandshakeCounters>::create(size_t{Registry::kTargetsMax} + 1);
  auto responses = TouchedArray<ResponseCounters>::create(size_t{Registry::kTargetsMax} + 1);
  auto observed = ObservationTable::create(kObservedFlowsMax);
  auto recent_clients = RecentClients::create();
  if (!flows_v4 || !flows_v6 || !targets || !handshakes || !responses) return nullptr;
  if (!observed || !recent_clients) return nullptr;

  auto core = std::make_unique<CoreContext>(std::move(*flows_v4), std::move(*flows_v6),
                                            std::move(*targets), std::move(*handshakes));
  core->responses = std::move(*responses);
  core->observed = std::move(*observed);
  core->recent_clients = std::move(*recent_clients);
  core->lcore = settings.lcore;
  for (uint8_t port = 0; port < kPortsMax; ++port) {
    if ((settings.ports >> port & 1) != 0) core->tx_by_port[port] = &core->tx[port];
  }
  core->timeouts = settings.timeouts;
  return core;
}

void CoreContext::drop(rte_mbuf* mbuf, DropReason reason) noexcept {
  counters.dropped[static_cast<size_t>(reason)].add(1);
  drops[drop_count++] = mbuf;
  if (drop_count == drops.size()) free_drops();
}

void CoreContext::free_drops() noexcept {
  rte_pktmbuf_free_bulk(drops.data(), drop_count);
  drop_count = 0;
}

}  // namespace sluice::dataplane

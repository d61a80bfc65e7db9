// SPDX-License-Identifier: Apache-2.0
//
// From a table and what is known of its backends to what the cores read.
#include "dataplane/table/snapshot.h"

#include <algorithm>

#include "dataplane/net/headers.h"
#include "dataplane/net/outer_header.h"

namespace sluice::dataplane {
namespace {

// The Ethernet header, and what all outer headers to this backend have in common.
void write_headers(const IpAddress& destination, ForwardingKind forwarding, const NextHop& next_hop,
                   BackendLine& line) {
  std::ranges::copy(next_hop.destination_mac, line.ethernet.data() + ethernet::kDestination);
  std::ranges::copy(next_hop.source_mac, line.ethernet.data() + ethernet::kSource);
  // An unresolved next hop has no source yet, and nothing is sent there.
  if (forwarding == ForwardingKind::kL2 || !next_hop.resolved) return;
  const bool is_ipv4 = destination.is_ipv4();
  store_be16(line.ethernet.data() + ethernet::kType,
             is_ipv4 ? ethernet::kTypeIpv4 : ethernet::kTypeIpv6);
  line.outer_bytes = is_ipv4 ? ipv4::kHeaderBytes : ipv6::kHeaderBytes;
  const auto end = std::ranges::copy(next_hop.source.bytes(), line.outer_addresses.begin()).out;
  std::ranges::copy(destination.bytes(), end);
  line.outer_sum = outer_ipv4_sum(line.outer_addresses.data());
}

BackendLine make_line(const Pool& pool, PoolIndex pool_index, const PoolMember& member,
                      const BackendCondition& condition, int64_t now_unix_ms) {
  BackendLine line;
  line.id = member.id;
  line.pool = pool_index;
  line.port = condition.next_hop.port;
  line.state = condition.state;
  line.expired = condition.expired || now_unix_ms >= member.eligible_until_unix_ms;
  line.keeps_flows =
      !line.expired && (line.state == BackendState::kUp || line.state == BackendState::kDraining);
  line.neighbor_resolved = condition.next_hop.resolved;
  write_headers(member.address, pool.forwarding, condition.next_hop, line);
  if (line.neighbor_resolved && condition.next_hop.mtu > line.outer_bytes)
    line.inner_bytes_max = static_cast<uint16_t>(condition.next_hop.mtu - line.outer_bytes);
  return line;
}

PoolServing serving_of(const Pool& pool, std::span<const BackendLine> lines) {
  uint32_t up = 0;
  uint32_t up_or_draining = 0;
  bool weighted_up = false;
  bool weighted_up_or_draining = false;
  for (const PoolMember& member : pool.members) {
    const BackendLine& line = lines[member.id.index()];
    const bool keeps_flows = line.keeps_flows;
    const bool is_up = keeps_flows && line.state == BackendState::kUp;
    up += is_up ? 1 : 0;
    up_or_draining += keeps_flows ? 1 : 0;
    weighted_up |= is_up && member.weight > 0;
    weighted_up_or_draining |= keeps_flows && member.weight > 0;
  }
  return {.new_flows = up >= pool.min_up && weighted_up,
          .adopted = up_or_draining >= pool.min_up && weighted_up_or_draining};
}

std::vector<DegradedUse> degraded_of(const Table& table, const NodeCondition& node) {
  std::vector<DegradedUse> degraded;
  if (node.degraded.empty()) return degraded;
  for (uint32_t i = 0; i < table.routes.size(); ++i) {
    const Route& route = table.routes[i];
    if (route.degraded_bound.window_ms == 0) continue;
    for (const Route::PoolUse& use : std::span(route.uses).first(route.split_count)) {
      if (node.degraded.contains({route.name, table.pools[use.pool.value].name}))
        degraded.push_back({RouteIndex{i}, use.pool});
    }
  }
  std::ranges::sort(degraded);
  return degraded;
}

}  // namespace

std::unique_ptr<Snapshot> make_snapshot(std::shared_ptr<const Table> table, uint64_t view,
                                        std::span<const BackendCondition> conditions,
                                        int64_t now_unix_ms, const NodeCondition& node) {
  auto snapshot = std::make_unique<Snapshot>();
  snapshot->view = view;
  snapshot->epoch = table->epoch;
  snapshot->can_record = node.can_record;
  snapshot->recall = node.recall;
  snapshot->backends.resize(table->backend_capacity);
  for (uint32_t i = 0; i < table->pools.size(); ++i) {
    const Pool& pool = table->pools[i];
    for (const PoolMember& member : pool.members) {
      const uint32_t index = member.id.index();
      snapshot->backends[index] =
          make_line(pool, PoolIndex{i}, member, conditions[index], now_unix_ms);
    }
    snapshot->serving.push_back(serving_of(pool, snapshot->backends));
  }
  for (const Route& route : table->routes)
    snapshot->in_time.push_back(is_in_time(route.times, now_unix_ms) ? 1 : 0);
  snapshot->degraded = degraded_of(*table, node);
  snapshot->table = std::move(table);
  return snapshot;
}

}  // namespace sluice::dataplane

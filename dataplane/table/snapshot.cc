// SPDX-License-Identifier: Apache-2.0
//
// From a table and what is known of its backends to what the cores read.
#include "dataplane/table/snapshot.h"

#include <algorithm>

namespace sluice::dataplane {
namespace {

BackendLine make_line(const Pool& pool, PoolIndex pool_index, const PoolMember& member,
                      const BackendCondition& condition, int64_t now_unix_ms) {
  BackendLine line;
  line.id = member.id;
  line.state = condition.state;
  line.forwarding = pool.forwarding;
  line.outer_family = member.address.family();
  line.port = condition.next_hop.port;
  line.pool = pool_index;
  line.neighbor_resolved = condition.next_hop.resolved;
  line.expired = now_unix_ms >= pool.eligible_until_unix_ms;
  line.mtu = condition.next_hop.mtu;
  line.destination_mac = condition.next_hop.destination_mac;
  line.source_mac = condition.next_hop.source_mac;
  std::ranges::copy(condition.next_hop.source.bytes(), line.outer_source.begin());
  std::ranges::copy(member.address.bytes(), line.outer_destination.begin());
  return line;
}

PoolServing serving_of(const Pool& pool, std::span<const BackendCondition> conditions,
                       int64_t now_unix_ms) {
  if (now_unix_ms >= pool.eligible_until_unix_ms) return {};
  uint32_t up = 0;
  uint32_t up_or_draining = 0;
  bool weighted_up = false;
  bool weighted_up_or_draining = false;
  for (const PoolMember& member : pool.members) {
    const BackendState state = conditions[member.id.index()].state;
    const bool is_up = state == BackendState::kUp;
    const bool keeps_flows = is_up || state == BackendState::kDraining;
    up += is_up ? 1 : 0;
    up_or_draining += keeps_flows ? 1 : 0;
    weighted_up |= is_up && member.weight > 0;
    weighted_up_or_draining |= keeps_flows && member.weight > 0;
  }
  return {.new_flows = up >= pool.min_up && weighted_up,
          .adopted = up_or_draining >= pool.min_up && weighted_up_or_draining};
}

}  // namespace

std::unique_ptr<const Snapshot> make_snapshot(std::shared_ptr<const Table> table, uint64_t view,
                                              std::span<const BackendCondition> conditions,
                                              int64_t now_unix_ms) {
  auto snapshot = std::make_unique<Snapshot>();
  snapshot->view = view;
  snapshot->backends.resize(table->backend_capacity);
  for (uint32_t i = 0; i < table->pools.size(); ++i) {
    const Pool& pool = table->pools[i];
    for (const PoolMember& member : pool.members) {
      const uint32_t index = member.id.index();
      snapshot->backends[index] =
          make_line(pool, PoolIndex{i}, member, conditions[index], now_unix_ms);
    }
    snapshot->serving.push_back(serving_of(pool, conditions, now_unix_ms));
  }
  snapshot->table = std::move(table);
  return snapshot;
}

}  // namespace sluice::dataplane

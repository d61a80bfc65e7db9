// SPDX-License-Identifier: Apache-2.0
//
// Class, route, pool, backend: the four choices for a new flow.
#include "dataplane/table/steer.h"

#include <cstring>

namespace sluice::dataplane {
namespace {

// The hash of what keeps flows together at this service. Salted, it chooses the pool and, with
// another salt, the backend.
template <Family F>
uint64_t affinity_hash(const Table& table, AffinityKind affinity, const FlowKey<F>& key) noexcept {
  if (affinity == AffinityKind::kFlow) return keyed_hash(table.steering_key, key.words);
  uint64_t client = 0;  // the IPv4 address, or the /64 of the IPv6 address
  std::memcpy(&client, key.source(), F == Family::kIpv4 ? 4 : 8);
  return keyed_hash(table.steering_key, std::array<uint64_t, 1>{client});
}

bool serves(const Snapshot& snapshot, PoolIndex pool, Opening opening) noexcept {
  const PoolServing& serving = snapshot.serving[pool.value];
  return opening == Opening::kFresh ? serving.new_flows : serving.adopted;
}

bool accepts(const Snapshot& snapshot, BackendId id, Opening opening) noexcept {
  const BackendLine* line = snapshot.find(id);
  if (line == nullptr) return false;
  return line->state == BackendState::kUp ||
         (opening == Opening::kAdopted && line->state == BackendState::kDraining);
}

// Position in the route's `uses` of the pool that serves this bucket.  Errors:
// `StickySplit::kNoMember`.
uint32_t choose_use(const Snapshot& snapshot, const Route& route, Opening opening,
                    Decision& decision) noexcept {
  const uint32_t owner = route.split->owner(decision.bucket);
  decision.split_pool = route.uses[owner].pool;
  decision.cause = PoolCause::kSplit;
  if (serves(snapshot, decision.split_pool, opening)) return owner;

  decision.cause = PoolCause::kFallback;
  for (const uint32_t use : route.fallback) {
    if (serves(snapshot, route.uses[use].pool, opening)) return use;
  }

  decision.cause = PoolCause::kResplit;
  std::array<uint8_t, StickySplit::kMembersMax> serving;
  for (uint32_t use = 0; use < route.split_count; ++use) {
    serving[use] = serves(snapshot, route.uses[use].pool, opening) ? 1 : 0;
  }
  return route.split->owner_among(decision.bucket, std::span(serving).first(route.split_count));
}

// Fills slot, owner and member.  Errors: false when no member of weight accepts the flow.
bool choose_member(const Snapshot& snapshot, const Pool& pool, Opening opening, uint64_t hash,
                   Decision& decision) noexcept {
  const MaglevTable& slots = *pool.slots;
  decision.slot = slots.slot_of(hash);
  decision.slot_owner = slots.owner(decision.slot);
  uint32_t slot = decision.slot;
  for (uint32_t attempt = 1; attempt <= slots.slot_count(); ++attempt) {
    const uint32_t member = slots.owner(slot);
    if (member == MaglevTable::kNoMember) return false;
    if (accepts(snapshot, pool.ids[member], opening)) [[likely]] {
      decision.member = member;
      decision.backend = pool.ids[member];
      return true;
    }
    slot = slots.successor(decision.slot, attempt);
  }
  return false;
}

}  // namespace

template <Family F>
Decision steer(const Snapshot& snapshot, ServiceIndex service, const FlowKey<F>& key,
               Opening opening) noexcept {
  const Table& table = *snapshot.table;
  const AffinityKind affinity = table.services[service.value].affinity;
  Decision decision;
  decision.client_class = table.classify_client<F>(key.source());
  decision.route = table.row(service, decision.client_class).route;
  if (decision.route.is_none()) return decision;

  const Route& route = table.routes[decision.route.value];
  const uint64_t hash = affinity_hash(table, affinity, key);
  decision.bucket = StickySplit::bucket_of(rehash(hash, route.seed_hash));
  const uint32_t use = choose_use(snapshot, route, opening, decision);
  decision.verdict = SteerVerdict::kNoPool;
  if (use == StickySplit::kNoMember) return decision;

  decision.pool = route.uses[use].pool;
  const Pool& pool = table.pools[decision.pool.value];
  if (!choose_member(snapshot, pool, opening, rehash(hash, pool.name_hash), decision))
    return decision;
  decision.target = route.uses[use].targets[decision.member];
  decision.verdict = SteerVerdict::kForward;
  return decision;
}

template Decision steer<Family::kIpv4>(const Snapshot&, ServiceIndex, const FlowKey<Family::kIpv4>&,
                                       Opening) noexcept;
template Decision steer<Family::kIpv6>(const Snapshot&, ServiceIndex, const FlowKey<Family::kIpv6>&,
                                       Opening) noexcept;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Class, route, pool, backend: the four choices for a new flow.
#include "dataplane/table/steer.h"

#include <cstring>

namespace sluice::dataplane {
namespace {

bool serves(const Snapshot& snapshot, PoolIndex pool, Opening opening) noexcept {
  const PoolServing& serving = snapshot.serving[pool.value];
  return opening == Opening::kFresh ? serving.new_flows : serving.adopted;
}

bool accepts(const Snapshot& snapshot, BackendId id, Opening opening) noexcept {
  const BackendLine* line = snapshot.find(id);
  if (line == nullptr || !line->keeps_flows) return false;
  return line->state == BackendState::kUp || opening == Opening::kAdopted;
}

bool takes(const Snapshot& snapshot, RouteIndex route, uint8_t dscp) noexcept {
  const uint64_t taken = snapshot.table->routes[route.value].dscp;
  return snapshot.in_time[route.value] != 0 && (taken == 0 || (taken >> dscp & 1) != 0);
}

// The first conditional route that takes the flow, else the one without conditions.
[[gnu::noinline]] RouteIndex choose_route(const Snapshot& snapshot, const SteeringRow& row,
                                          uint8_t dscp) noexcept {
  for (const RouteIndex route : row.conditional) {
    if (takes(snapshot, route, dscp)) return route;
  }
  return row.route;
}

// Which of the route's `uses` serves the bucket instead of its own pool.  Errors:
// `StickySplit::kNoMember`.
[[gnu::noinline]] uint32_t choose_substitute(const Snapshot& snapshot, const Route& route,
                                             Opening opening, Decision& decision) noexcept {
  decision.cause = PoolCause::kFallback;
  decision.role = RolloutRole::kNone;
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

// Gives the flow of a divided pool to the candidate when it is the candidate's and that serves;
// else it says whether the flow is one that the candidate's are compared with.
[[gnu::noinline]] void divide(const Snapshot& snapshot, const Route& route, uint64_t affinity_hash,
                              Opening opening, Decision& decision) noexcept {
  const Rollout& rollout = route.rollouts[decision.rollout];
  const uint64_t second = rehash(affinity_hash, rollout.seed_hash) >> 32;
  decision.place = static_cast<uint32_t>(second * Rollout::kWeightMax >> 32);
  if (decision.place >= rollout.weight) {
    if (decision.place - rollout.weight < rollout.weight) decision.role = RolloutRole::kControl;
    return;
  }
  if (!serves(snapshot, route.uses[rollout.candidate].pool, opening)) return;
  decision.use = rollout.candidate;
  decision.cause = PoolCause::kRollout;
  decision.role = RolloutRole::kCandidate;
}

// Takes a fresh flow from a pool that does worse than before to the first fallback that serves and
// does not; where there is none, the flow stays.
[[gnu::noinline]] void leave_degraded(const Snapshot& snapshot, const Route& route, Opening opening,
                                      Decision& decision) noexcept {
  if (opening != Opening::kFresh || decision.use >= route.split_count ||
      !snapshot.is_degraded(decision.route, decision.split_pool) ||
      !serves(snapshot, decision.split_pool, opening)) {
    return;
  }
  for (const uint32_t use : route.fallback) {
    const PoolIndex pool = route.uses[use].pool;
    if (snapshot.is_degraded(decision.route, pool) || !serves(snapshot, pool, opening)) continue;
    decision.use = use;
    decision.cause = PoolCause::kFallback;
    decision.role = RolloutRole::kNone;
    decision.leaves_degraded = true;
    return;
  }
}

// The first member in the slot's walk, after the owner, that accepts the flow.  Errors: kNoMember.
[[gnu::noinline]] uint32_t choose_successor(const Snapshot& snapshot, const Pool& pool,
                                            Opening opening, uint32_t slot) noexcept {
  const MaglevTable& slots = *pool.slots;
  for (uint32_t attempt = 1; attempt < slots.slot_count(); ++attempt) {
    const uint32_t member = slots.owner(slots.successor(slot, attempt));
    if (accepts(snapshot, pool.ids[member], opening)) return member;
  }
  return MaglevTable::kNoMember;
}

}  // namespace

template <Family F>
void choose_pool(const Snapshot& snapshot, ServiceIndex service, const FlowKey<F>& key,
                 uint64_t affinity_hash, FirstPacket first, Decision& decision) noexcept {
  const Table& table = *snapshot.table;
  decision.verdict = SteerVerdict::kNoRoute;
  decision.cause = PoolCause::kSplit;
  decision.role = RolloutRole::kNone;
  decision.rollout = Rollout::kNone;
  decision.client_class = table.classify_client<F>(key.source());
  const SteeringRow& row = table.row(service, decision.client_class);
  decision.route = row.route;
  decision.must_record = row.must_record;
  if (!row.conditional.empty()) [[unlikely]]
    decision.route = choose_route(snapshot, row, first.dscp);
  if (decision.route.is_none()) return;

  const Route& route = table.routes[decision.route.value];
  decision.bucket = StickySplit::bucket_of(rehash(affinity_hash, route.seed_hash));
  decision.use = route.split->owner(decision.bucket);
  decision.split_pool = route.uses[decision.use].pool;
  decision.rollout = route.uses[decision.use].rollout;
  if (decision.rollout != Rollout::kNone) [[unlikely]]
    divide(snapshot, route, affinity_hash, first.opening, decision);
  decision.leaves_degraded = false;
  if (!snapshot.degraded.empty()) [[unlikely]]
    leave_degraded(snapshot, route, first.opening, decision);
  if (!serves(snapshot, route.uses[decision.use].pool, first.opening)) [[unlikely]]
    decision.use = choose_substitute(snapshot, route, first.opening, decision);
  decision.verdict = SteerVerdict::kNoPool;
  if (decision.use == StickySplit::kNoMember) return;

  decision.pool = route.uses[decision.use].pool;
  const Pool& pool = table.pools[decision.pool.value];
  decision.slot = pool.slots->slot_of(rehash(affinity_hash, pool.name_hash));
  pool.slots->prefetch(decision.slot);
  decision.verdict = SteerVerdict::kForward;
}

void choose_backend(const Snapshot& snapshot, Opening opening, Decision& decision) noexcept {
  const Table& table = *snapshot.table;
  const Pool& pool = table.pools[decision.pool.value];
  uint32_t member = pool.slots->owner(decision.slot);
  decision.slot_owner = member;
  if (member != MaglevTable::kNoMember && !accepts(snapshot, pool.ids[member], opening))
      [[unlikely]]
    member = choose_successor(snapshot, pool, opening, decision.slot);
  if (member == MaglevTable::kNoMember) [[unlikely]] {
    decision.verdict = SteerVerdict::kNoPool;
    return;
  }
  decision.member = member;
  decision.backend = pool.ids[member];
  decision.target = table.routes[decision.route.value].uses[decision.use].targets[member];
}

template <Family F>
Decision steer(const Snapshot& snapshot, ServiceIndex service, const FlowKey<F>& key,
               FirstPacket first) noexcept {
  const Table& table = *snapshot.table;
  const FlowKey<F> affinity = affinity_key(table.services[service.value].affinity, key);
  const uint64_t affinity_hash = keyed_hash(table.steering_key, affinity.words);
  Decision decision;
  choose_pool<F>(snapshot, service, key, affinity_hash, first, decision);
  if (decision.verdict == SteerVerdict::kForward) choose_backend(snapshot, first.opening, decision);
  return decision;
}

template void choose_pool<Family::kIpv4>(const Snapshot&, ServiceIndex,
                                         const FlowKey<Family::kIpv4>&, uint64_t, FirstPacket,
                                         Decision&) noexcept;
template void choose_pool<Family::kIpv6>(const Snapshot&, ServiceIndex,
                                         const FlowKey<Family::kIpv6>&, uint64_t, FirstPacket,
                                         Decision&) noexcept;
template Decision steer<Family::kIpv4>(const Snapshot&, ServiceIndex, const FlowKey<Family::kIpv4>&,
                                       FirstPacket) noexcept;
template Decision steer<Family::kIpv6>(const Snapshot&, ServiceIndex, const FlowKey<Family::kIpv6>&,
                                       FirstPacket) noexcept;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Class, route, pool, backend: the four choices for a new flow.
#include "dataplane/table/steer.h"

#include "dataplane/table/steer_steps.h"

namespace sluice::dataplane {
namespace {

bool takes(const Snapshot& snapshot, RouteIndex route, uint32_t dscp) noexcept {
  const uint64_t taken = snapshot.table->routes[route.value].dscp;
  return snapshot.in_time[route.value] != 0 && (taken == 0 || (taken >> dscp & 1) != 0);
}

}  // namespace

namespace steering {

RouteIndex choose_route(const Snapshot& snapshot, const SteeringRow& row,
                        FirstPacket first) noexcept {
  for (const RouteIndex route : row.conditional) {
    if (takes(snapshot, route, first.dscp)) return route;
  }
  return row.route;
}

uint32_t choose_substitute(const Snapshot& snapshot, const Route& route, Opening opening,
                           Decision& decision) noexcept {
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

void divide(const Snapshot& snapshot, const Route& route, uint64_t affinity_hash, Opening opening,
            Decision& decision) noexcept {
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

void leave_degraded(const Snapshot& snapshot, const Route& route, Opening opening,
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

const BackendLine* choose_successor(const Snapshot& snapshot, const Pool& pool, Opening opening,
                                    Decision& decision) noexcept {
  const MaglevTable& slots = *pool.slots;
  if (decision.slot_owner == MaglevTable::kNoMember) return nullptr;
  for (uint32_t attempt = 1; attempt < slots.slot_count(); ++attempt) {
    decision.member = slots.owner(slots.successor(decision.slot, attempt));
    const BackendLine* const line = accepting(snapshot, pool.ids[decision.member], opening);
    if (line != nullptr) return line;
  }
  return nullptr;
}

}  // namespace steering

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

template Decision steer<Family::kIpv4>(const Snapshot&, ServiceIndex, const FlowKey<Family::kIpv4>&,
                                       FirstPacket) noexcept;
template Decision steer<Family::kIpv6>(const Snapshot&, ServiceIndex, const FlowKey<Family::kIpv6>&,
                                       FirstPacket) noexcept;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Steering in two steps, for many flows at once: the second step's line is on its way to the cache
// when the first returns. Inline, since a flood is nothing but this; what few flows need is called.
#pragma once

#include "dataplane/table/steer.h"

namespace sluice::dataplane {

namespace steering {

// The first conditional route that takes the flow, else the one without conditions.
RouteIndex choose_route(const Snapshot& snapshot, const SteeringRow& row,
                        FirstPacket first) noexcept;
// Gives the flow of a divided pool to the candidate when it is the candidate's and that serves;
// else it says whether the flow is one that the candidate's are compared with.
void divide(const Snapshot& snapshot, const Route& route, uint64_t affinity_hash, Opening opening,
            Decision& decision) noexcept;
// Takes a fresh flow from a pool that does worse than before to the first fallback that serves and
// does not; where there is none, the flow stays.
void leave_degraded(const Snapshot& snapshot, const Route& route, Opening opening,
                    Decision& decision) noexcept;
// Which of the route's `uses` serves the bucket instead of its own pool.  Errors:
// `StickySplit::kNoMember`.
uint32_t choose_substitute(const Snapshot& snapshot, const Route& route, Opening opening,
                           Decision& decision) noexcept;
// The first member in the slot's walk, after the owner, that accepts the flow: its line, and in
// `decision` its position.  Errors: nullptr.
const BackendLine* choose_successor(const Snapshot& snapshot, const Pool& pool, Opening opening,
                                    Decision& decision) noexcept;

inline bool serves(const Snapshot& snapshot, PoolIndex pool, Opening opening) noexcept {
  const PoolServing& serving = snapshot.serving[pool.value];
  return opening == Opening::kFresh ? serving.new_flows : serving.adopted;
}

// The backend's line when it accepts the flow, else nullptr.
inline const BackendLine* accepting(const Snapshot& snapshot, BackendId id,
                                    Opening opening) noexcept {
  const BackendLine* const line = snapshot.find(id);
  if (line == nullptr || !line->keeps_flows) return nullptr;
  return line->state == BackendState::kUp || opening == Opening::kAdopted ? line : nullptr;
}

}  // namespace steering

// Class, route, pool: fills in all up to `slot`.  Shape: `affinity_hash` is of the affinity key,
// with the table's steering key: salted, it chooses the pool and, with another salt, the backend.
template <Family F>
inline void choose_pool(const Snapshot& snapshot, ServiceIndex service, const FlowKey<F>& key,
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
  decision.may_judge_responses = row.judges_responses;
  if (!row.conditional.empty()) [[unlikely]]
    decision.route = steering::choose_route(snapshot, row, first);
  if (decision.route.is_none()) return;

  const Route& route = table.routes[decision.route.value];
  decision.bucket = StickySplit::bucket_of(rehash(affinity_hash, route.seed_hash));
  decision.use = route.split->owner(decision.bucket);
  decision.split_pool = route.uses[decision.use].pool;
  decision.rollout = route.uses[decision.use].rollout;
  if (decision.rollout != Rollout::kNone) [[unlikely]]
    steering::divide(snapshot, route, affinity_hash, first.opening, decision);
  decision.leaves_degraded = false;
  if (!snapshot.degraded.empty()) [[unlikely]]
    steering::leave_degraded(snapshot, route, first.opening, decision);
  if (!steering::serves(snapshot, route.uses[decision.use].pool, first.opening)) [[unlikely]]
    decision.use = steering::choose_substitute(snapshot, route, first.opening, decision);
  decision.verdict = SteerVerdict::kNoPool;
  if (decision.use == StickySplit::kNoMember) return;

  decision.pool = route.uses[decision.use].pool;
  const Pool& pool = table.pools[decision.pool.value];
  decision.slot = pool.slots->slot_of(rehash(affinity_hash, pool.name_hash));
  pool.slots->prefetch(decision.slot);
  decision.verdict = SteerVerdict::kForward;
}

// Backend and target, when the first step's verdict is to forward; or finds that no backend of the
// pool takes the flow.
inline void choose_backend(const Snapshot& snapshot, Opening opening, Decision& decision) noexcept {
  const Table& table = *snapshot.table;
  const Pool& pool = table.pools[decision.pool.value];
  const uint32_t owner = pool.slots->owner(decision.slot);
  decision.slot_owner = owner;
  decision.member = owner;
  decision.line = owner == MaglevTable::kNoMember
                      ? nullptr
                      : steering::accepting(snapshot, pool.ids[owner], opening);
  if (decision.line == nullptr) [[unlikely]] {
    decision.line = steering::choose_successor(snapshot, pool, opening, decision);
    if (decision.line == nullptr) {
      decision.verdict = SteerVerdict::kNoPool;
      return;
    }
  }
  decision.target = table.routes[decision.route.value].uses[decision.use].targets[decision.member];
}

}  // namespace sluice::dataplane

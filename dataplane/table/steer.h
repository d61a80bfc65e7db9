// SPDX-License-Identifier: Apache-2.0
//
// Steering of a new flow: a pure function of (generation, view, packet) that the packet path and
// `explain` share.
#pragma once

#include <cstdint>

#include "dataplane/net/flow_key.h"
#include "dataplane/table/ids.h"
#include "dataplane/table/snapshot.h"

namespace sluice::dataplane {

enum class SteerVerdict : uint8_t { kForward, kNoRoute, kNoPool };
enum class PoolCause : uint8_t { kSplit, kFallback, kResplit, kRollout };
// Whom a flow is compared as: one of the candidate's, or one of as many clients that stay with the
// stable pool.
enum class RolloutRole : uint8_t { kNone, kCandidate, kControl };
// How the flow's first packet looks: a fresh one avoids draining backends, an adopted one does not.
enum class Opening : uint8_t { kFresh, kAdopted };
// All that steering asks of it beside its addresses and ports.
struct FirstPacket {
  // NOLINTNEXTLINE(google-explicit-constructor): most packets say no more than this.
  constexpr FirstPacket(Opening how, uint32_t codepoint = 0) : opening(how), dscp(codepoint) {}
  Opening opening;
  uint32_t dscp;  // 0..63
};

// The decision and every step on the way to it.
struct Decision {
  SteerVerdict verdict = SteerVerdict::kNoRoute;
  PoolCause cause = PoolCause::kSplit;
  RolloutRole role = RolloutRole::kNone;
  ClassIndex client_class;
  RouteIndex route;
  uint32_t bucket = 0;
  PoolIndex split_pool;               // whom the bucket belongs to, whatever its health
  bool leaves_degraded = false;       // its pool serves, but worse than before
  bool must_record = false;           // refused rather than forwarded without a record
  bool may_judge_responses = false;   // its route, or another of its row, leaves what answers late
  uint32_t rollout = Rollout::kNone;  // of the route, that divides the clients of `split_pool`
  uint32_t place = 0;  // in that rollout: 0..999999, the candidate's below its weight
  PoolIndex pool;
  uint32_t use = 0;  // position in the route's uses: the pool as the route uses it
  uint32_t slot = 0;
  uint32_t slot_owner = 0;            // position in the pool's members, whatever its state
  uint32_t member = 0;                // position in the pool's members
  const BackendLine* line = nullptr;  // the backend's, of the snapshot
  TargetId target;
};

// Thread: any that holds the snapshot.  Alloc: none.  Cost: one LPM, two hashes, one split line,
// one slot line; a walk only past backends that take no new flows.
template <Family F>
Decision steer(const Snapshot& snapshot, ServiceIndex service, const FlowKey<F>& key,
               FirstPacket first) noexcept;

// What keeps flows together at a service: the whole key, or of it the client alone, an IPv4 address
// or the /64 of an IPv6 address.
template <Family F>
FlowKey<F> affinity_key(AffinityKind affinity, const FlowKey<F>& key) noexcept {
  if (affinity == AffinityKind::kFlow) return key;
  constexpr uint64_t kClientBits = F == Family::kIpv4 ? 0xffff'ffff : ~uint64_t{0};
  FlowKey<F> client{};
  client.words[0] = key.words[0] & kClientBits;
  return client;
}

extern template Decision steer<Family::kIpv4>(const Snapshot&, ServiceIndex,
                                              const FlowKey<Family::kIpv4>&, FirstPacket) noexcept;
extern template Decision steer<Family::kIpv6>(const Snapshot&, ServiceIndex,
                                              const FlowKey<Family::kIpv6>&, FirstPacket) noexcept;

}  // namespace sluice::dataplane

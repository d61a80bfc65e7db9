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
enum class PoolCause : uint8_t { kSplit, kFallback, kResplit };
// How the flow's first packet looks: a fresh one avoids draining backends, an adopted one does not.
enum class Opening : uint8_t { kFresh, kAdopted };

// The decision and every step on the way to it.
struct Decision {
  SteerVerdict verdict = SteerVerdict::kNoRoute;
  PoolCause cause = PoolCause::kSplit;
  ClassIndex client_class;
  RouteIndex route;
  uint32_t bucket = 0;
  PoolIndex split_pool;  // whom the bucket belongs to, whatever its health
  PoolIndex pool;
  uint32_t slot = 0;
  uint32_t slot_owner = 0;  // position in the pool's members, whatever its state
  uint32_t member = 0;      // position in the pool's members
  BackendId backend;
  TargetId target;
};

// Thread: any that holds the snapshot.  Alloc: none.  Cost: one LPM, two hashes, one split line,
// one slot line; a walk only past backends that take no new flows.
template <Family F>
Decision steer(const Snapshot& snapshot, ServiceIndex service, const FlowKey<F>& key,
               Opening opening) noexcept;

extern template Decision steer<Family::kIpv4>(const Snapshot&, ServiceIndex,
                                              const FlowKey<Family::kIpv4>&, Opening) noexcept;
extern template Decision steer<Family::kIpv6>(const Snapshot&, ServiceIndex,
                                              const FlowKey<Family::kIpv6>&, Opening) noexcept;

}  // namespace sluice::dataplane

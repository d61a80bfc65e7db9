// SPDX-License-Identifier: Apache-2.0
//
// One forwarding table as the dataplane executes it: frozen at construction, shared between
// snapshots.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/maglev/maglev_table.h"
#include "dataplane/maglev/sticky_split.h"
#include "dataplane/net/flow_key.h"
#include "dataplane/net/keyed_hash.h"
#include "dataplane/table/ids.h"
#include "dataplane/table/lpm.h"
#include "dataplane/table/registry.h"
#include "dataplane/table/service_index.h"
#include "dataplane/table/week_span.h"

namespace sluice::dataplane {

enum class AffinityKind : uint8_t { kFlow, kClient };
enum class RejectKind : uint8_t { kReset, kProhibit, kDrop };
enum class ForwardingKind : uint8_t { kIpip, kL2 };

struct Service {
  std::string name;
  AffinityKind affinity = AffinityKind::kFlow;
  RejectKind reject = RejectKind::kReset;
  uint32_t tcp_idle_ms = 0;  // 0: from the node's configuration
};

struct PoolMember {
  BackendId id;
  std::string name;
  IpAddress address;
  uint32_t weight = 0;
  int64_t eligible_until_unix_ms = INT64_MAX;  // its own or the pool's, whichever is sooner
  Labels labels;
};

struct Pool {
  std::string name;
  Labels labels;
  ForwardingKind forwarding = ForwardingKind::kIpip;
  uint32_t min_up = 1;
  int64_t eligible_until_unix_ms = INT64_MAX;
  uint64_t name_hash = 0;  // separates the Maglev hash from the split's and from other pools'
  std::shared_ptr<const MaglevTable> slots;  // owners are positions in `members`
  std::vector<PoolMember> members;           // sorted by name
  std::vector<BackendId> ids;                // of the members, close together for steering
};

// A part of a stable pool's clients that go to the candidate: those whose second hash is below the
// weight.
struct Rollout {
  static constexpr uint32_t kWeightMax = 1'000'000;  // the weight of all clients
  static constexpr uint32_t kNone = 0xffff'ffff;     // no position among a route's rollouts

  RolloutId id;
  uint64_t seed_hash = 0;
  uint32_t weight = 0;          // 0..kWeightMax
  uint32_t candidate = 0;       // position in the route's `uses`
  uint32_t observe_age_ms = 0;  // until which its flows are observed; 0: they are not
  std::string name;
};

// When new flows leave a pool of the split that is up and does worse than in its own recent past.
struct DegradedBound {
  static constexpr uint32_t kNotJudged = 0xffff'ffff;

  uint32_t window_ms = 0;                        // 0: never
  uint64_t flows_min = 0;                        // fewer in a window say nothing
  uint32_t handshake_loss_max = kNotJudged;      // of 1000000, more than before
  uint32_t slower_by_max = kNotJudged;           // percent; handshakes
  uint32_t response_slower_by_max = kNotJudged;  // percent; first responses

  bool judges_handshakes() const noexcept {
    return handshake_loss_max != kNotJudged || slower_by_max != kNotJudged;
  }
  bool judges_responses() const noexcept { return response_slower_by_max != kNotJudged; }
};

struct Route {
  // A pool that the route names: in the split, as a fallback, or as a rollout's candidate.
  struct PoolUse {
    PoolIndex pool;
    uint32_t rollout = Rollout::kNone;  // that divides this pool of the split
    uint32_t weight = 0;                // 0: not of the split, or declared with weight 0
    std::vector<TargetId> targets;      // by position in the pool's members
  };
  std::string name;
  ServiceIndex service;
  uint64_t seed_hash = 0;
  std::shared_ptr<const StickySplit> split;  // owners are positions in `uses`
  // The split's pools sorted by name, then pools of fallback only, then one candidate for each
  // rollout, whatever else the route uses that pool for: its flows are told apart.
  std::vector<PoolUse> uses;
  uint32_t split_count = 0;        // uses[0, split_count) are the split's
  std::vector<uint32_t> fallback;  // positions in `uses`, in the operator's order
  std::vector<Rollout> rollouts;   // sorted by their stable pools
  uint64_t dscp = 0;               // a bit for each value that it takes; 0: it takes all
  std::vector<WeekSpan> times;     // sorted; empty: always
  DegradedBound degraded_bound;
  std::vector<PoolIndex> evicted;  // whose known flows of this route are cut; sorted
};

struct ClientClass {
  ClassId id;
  std::string name;
  Labels labels;
};

// What holds for the clients of one class at one service.
struct alignas(64) SteeringRow {
  RouteIndex route;                     // none: no route matches
  bool must_record = false;             // a new flow that cannot be recorded is refused
  bool evicts = false;                  // one of its routes cuts known flows of some pool
  bool judges_responses = false;        // one of its routes leaves pools that answer late
  std::vector<RouteIndex> conditional;  // come before it: the first that takes the flow steers it
  std::vector<PoolIndex> eligible;      // sorted
  friend auto operator<=>(const SteeringRow&, const SteeringRow&) = default;
};

struct Table {
  uint64_t generation = 0;
  uint64_t revision = 0;
  uint64_t term = 0;
  uint64_t eligibility_epoch = 0;  // the controller's
  // The node's own, which flows remember: another number after every table that may have changed
  // what flows are allowed, or whose they are.
  uint32_t epoch = 1;
  HashKey steering_key;
  std::vector<Service> services;
  std::vector<Pool> pools;
  std::vector<Route> routes;
  std::vector<ClientClass> classes;  // [0] is "unknown"
  std::string classes_digest;        // of what they and the prefix matches were built from
  std::vector<SteeringRow> rows;     // deduplicated
  uint32_t class_count = 0;          // of `classes`
  std::vector<uint32_t> row_of;      // [service * class_count + class] -> index in `rows`
  ServiceLookup service_lookup;
  std::shared_ptr<const Lpm<Family::kIpv4>> classes_v4;  // value: index in `classes`
  std::shared_ptr<const Lpm<Family::kIpv6>> classes_v6;
  uint32_t backend_capacity = 0;  // highest backend index in use + 1

  const SteeringRow& row(ServiceIndex service, ClassIndex client_class) const noexcept {
    return rows[row_of[size_t{service.value} * class_count + client_class.value]];
  }
  bool is_eligible(ServiceIndex service, ClassIndex client_class, PoolIndex pool) const noexcept;
  // Whether known flows of this target are cut although the pool is eligible: their route gave it
  // up. A target that none of the row's routes has is judged by all of them.
  bool is_evicted(ServiceIndex service, ClassIndex client_class, PoolIndex pool,
                  TargetId target) const noexcept;

  // Shape: `source` has the family's bytes in network order.
  template <Family F>
  ClassIndex classify_client(const uint8_t* source) const noexcept {
    if constexpr (F == Family::kIpv4) {
      return {classes_v4->find(source)};
    } else {
      return {classes_v6->find(source)};
    }
  }
};

}  // namespace sluice::dataplane

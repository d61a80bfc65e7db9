// SPDX-License-Identifier: Apache-2.0
//
// Everything a core needs to forward: one table, one view of health, one set of next hops. Any
// change of any of them is a new snapshot; the table itself is shared.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/table/ids.h"
#include "dataplane/table/table.h"

namespace sluice::dataplane {

enum class BackendState : uint8_t { kUp, kDraining, kDown, kRecalled };

// What one lcore reads per packet about a backend: whether the id is current, whether it keeps its
// flows, how to reach it.
struct alignas(64) BackendLine {
  static constexpr size_t kOuterBytesMax = 40;

  BackendId id;  // none: the index is not in use
  PoolIndex pool;
  uint16_t inner_bytes_max =
      0;                     // of an IP packet that fits the port; 0 while the hop is unresolved
  uint16_t outer_sum = 0;    // of the fixed words of an outer IPv4 header, for its checksum
  uint8_t port = 0;          // DPDK port to send to
  uint8_t outer_bytes = 0;   // of the tunnel's header: 20 (IPv4) or 40 (IPv6), 0 for layer 2
  bool keeps_flows = false;  // up or draining, and not expired
  bool neighbor_resolved = false;
  bool expired = false;  // past its or its pool's eligible_until: known flows move too
  BackendState state = BackendState::kDown;
  std::array<uint8_t, 14> ethernet{};  // the frame's header; of layer 2 the MAC addresses alone
  // The outer header's: the node's on that port, then the backend's; 8 or 32 bytes used.
  std::array<uint8_t, 32> outer_addresses{};
};
static_assert(sizeof(BackendLine) == 64, "one line per packet");

// Whether a pool takes part in steering, derived from `min_up` and from its members' states and
// `eligible_until`.
struct PoolServing {
  bool new_flows = false;  // enough members are up, one of them has weight: SYNs and datagrams
  bool adopted =
      false;  // the same with draining members counted: packets of flows that began elsewhere
};

// A pool of a route's split that new flows leave: it does worse than in its own recent past.
struct DegradedUse {
  RouteIndex route;
  PoolIndex pool;
  friend auto operator<=>(const DegradedUse&, const DegradedUse&) = default;
};

struct Snapshot {
  uint64_t view = 0;
  uint32_t epoch = 0;      // the table's
  bool can_record = true;  // a record written now is kept until somebody has it
  // Another number after every recall: each lcore then looks at all its flows once.
  uint64_t recall = 0;
  std::shared_ptr<const Table> table;
  std::vector<BackendLine> backends;  // by `BackendId::index()`; size table->backend_capacity
  std::vector<PoolServing> serving;   // by `PoolIndex`
  std::vector<uint8_t> in_time;       // by `RouteIndex`: whether it takes new flows now

  std::vector<DegradedUse> degraded;  // sorted; nearly always empty

  bool is_degraded(RouteIndex route, PoolIndex pool) const noexcept {
    return std::ranges::binary_search(degraded, DegradedUse{route, pool});
  }
  // The line of this backend, nullptr when it is in no pool any more.
  const BackendLine* find(BackendId id) const noexcept {
    if (id.is_none() || id.index() >= backends.size()) return nullptr;
    const BackendLine& line = backends[id.index()];
    return line.id == id ? &line : nullptr;
  }
};

// Where a backend's packets go on layer 2, as `port` found out.
struct NextHop {
  bool resolved = false;
  uint8_t port = 0;
  uint16_t mtu = 1500;
  std::array<uint8_t, 6> destination_mac{};
  std::array<uint8_t, 6> source_mac{};
  IpAddress source;  // of tunnels, of the backend's family
};

// What the daemon knows of one backend when it makes a snapshot.
struct BackendCondition {
  BackendState state = BackendState::kDown;
  bool expired = false;  // it was past its eligible_until before, whatever the clock says now
  NextHop next_hop;
};

// What the daemon knows beside its backends when it makes a snapshot.
struct NodeCondition {
  bool can_record = true;
  uint64_t recall = 0;                                     // as in the snapshot
  std::set<std::pair<std::string, std::string>> degraded;  // routes with pools of their splits
};

// Makes the snapshot of (table, view, conditions) at this time.
// Shape: `conditions` by backend index, size table->backend_capacity.  Thread: control.  Alloc:
// yes.
std::unique_ptr<Snapshot> make_snapshot(std::shared_ptr<const Table> table, uint64_t view,
                                        std::span<const BackendCondition> conditions,
                                        int64_t now_unix_ms, const NodeCondition& node = {});

}  // namespace sluice::dataplane

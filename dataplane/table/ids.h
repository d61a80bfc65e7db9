// SPDX-License-Identifier: Apache-2.0
//
// Typed ids and indices. An id outlives tables and is never reused within an incarnation of the
// node; an index is a position in one `Table` and dies with it.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace sluice::dataplane {

template <class Tag>
struct Id {
  uint32_t value = 0;  // 0: none
  constexpr bool is_none() const noexcept { return value == 0; }
  friend constexpr auto operator<=>(Id, Id) = default;
};

// Which backend a flow has. Index of the backend's line in every snapshot, plus a generation that
// makes the id of a removed backend different from that of its index's next user; an index whose
// generations are used up retires.
struct BackendId {
  static constexpr uint32_t kIndexBits = 20;
  uint32_t value = 0;  // 0: none
  static constexpr BackendId make(uint32_t index, uint32_t generation) noexcept {
    return {generation << kIndexBits | index};
  }
  constexpr uint32_t index() const noexcept { return value & ((1u << kIndexBits) - 1); }
  constexpr uint32_t generation() const noexcept { return value >> kIndexBits; }
  constexpr bool is_none() const noexcept { return value == 0; }
  friend constexpr auto operator<=>(BackendId, BackendId) = default;
};

using TargetId = Id<struct TargetTag>;    // a (route, rollout, backend): whom a part is attributed
                                          // to; a counter line
using ClassId = Id<struct ClassTag>;      // a client class by name
using RolloutId = Id<struct RolloutTag>;  // a rollout by name

template <class Tag>
struct Index {
  static constexpr uint32_t kNone = 0xffff'ffff;
  uint32_t value = kNone;
  constexpr bool is_none() const noexcept { return value == kNone; }
  friend constexpr auto operator<=>(Index, Index) = default;
};

using ServiceIndex = Index<struct ServiceIndexTag>;
using PoolIndex = Index<struct PoolIndexTag>;
using RouteIndex = Index<struct RouteIndexTag>;
using ClassIndex = Index<struct ClassIndexTag>;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Weighted Maglev: which backend of a pool owns each slot.
// Source: Eisenbud et al., "Maglev", NSDI 2016, section 3.4; weights as exact slot counts.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/maglev/slot_walks.h"
#include "dataplane/net/keyed_hash.h"

namespace sluice::dataplane {

struct MaglevMember {
  std::string name;     // unique in the pool; all that the slots depend on, with weight and key
  uint32_t weight = 0;  // 0..1000000; 0 owns no slot
};

// Immutable after construction. Members are positions 0..count-1 in the order they were given; the
// slots do not depend on that order.
class MaglevTable {
 public:
  static constexpr uint32_t kNoMember = 0xffff'ffff;

  // Shape: `slot_count` is a prime below 2^24. A member's slot count is its exact share rounded by
  // largest remainder, but at least one for weight > 0 when there are enough slots. Alloc: yes.
  // Cost: O(slot_count * log(slot_count)) expected.
  static MaglevTable build(std::span<const MaglevMember> members, uint32_t slot_count,
                           const HashKey& key);

  // Section 3.4 with given permutations, which choose in turns proportional to their weights.
  // Shape: weights > 0, one for each permutation.
  static std::vector<uint32_t> populate(std::span<const SlotPermutation> permutations,
                                        std::span<const uint32_t> weights, uint32_t slot_count);

  uint32_t slot_count() const noexcept { return static_cast<uint32_t>(owner_.size()); }
  // Position of the slot's owner, `kNoMember` when no member has weight.  Alloc: none.
  uint32_t owner(uint32_t slot) const noexcept { return owner_[slot]; }
  void prefetch(uint32_t slot) const noexcept { __builtin_prefetch(&owner_[slot]); }
  uint32_t slot_of(uint64_t hash) const noexcept {
    return static_cast<uint32_t>((static_cast<unsigned __int128>(hash) * owner_.size()) >> 64);
  }

  // The slot whose owner takes over when all owners before it in this order cannot: a walk over all
  // slots whose stride depends on `slot` alone. `attempt` 0 is the slot itself.
  uint32_t successor(uint32_t slot, uint32_t attempt) const noexcept;

  std::span<const uint32_t> owners() const noexcept { return owner_; }

 private:
  explicit MaglevTable(std::vector<uint32_t> owner) : owner_(std::move(owner)) {}
  std::vector<uint32_t> owner_;
};

// One table to be built.
struct MaglevOrder {
  std::vector<MaglevMember> members;
  uint32_t slot_count = 0;
};

// The tables in the order given, the same for any number of threads, which counts the caller's.
// Shape: threads >= 1.  Alloc: yes.
std::vector<std::shared_ptr<const MaglevTable>> build_maglev_tables(
    std::span<const MaglevOrder> orders, const HashKey& key, size_t threads);

bool is_prime(uint32_t number) noexcept;

}  // namespace sluice::dataplane

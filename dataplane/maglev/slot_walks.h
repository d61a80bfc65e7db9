// SPDX-License-Identifier: Apache-2.0
//
// The walks of a pool's members over its slots, on which each takes slots that are still free.
// Source: Eisenbud et al., "Maglev", NSDI 2016, section 3.4: a walk is a column of `permutation`.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::dataplane {

// A member's order of preference: its choice number j is slot (offset + j * skip) % slot_count.
struct SlotPermutation {
  uint32_t offset;
  uint32_t skip;
};

class SlotWalks {
 public:
  // Shape: `slot_count` is a prime below 2^24; offsets and skips are below it.  Alloc: yes.
  SlotWalks(std::span<const SlotPermutation> permutations, uint32_t slot_count);

  // Each walk in turn takes the first free slot on its way: owner[slot] becomes its position in the
  // permutations. Shape: `walks` are such positions, none twice, no more than there are free slots.
  // Cost: about slot_count * ln(slot_count) / 2 looks at slots until all are taken.
  void take(std::span<const uint32_t> walks, std::span<uint32_t> owner);

 private:
  static constexpr uint32_t kWindow = 8;  // slots that a walk looks at together
  struct alignas(64) Walk {
    std::array<uint32_t, kWindow + 1> ahead;  // what so many steps add to a slot, modulo the slots
    uint32_t next;                            // every slot before it on the way is taken
  };

  static uint32_t taken_ahead(const uint8_t* is_free, const Walk& walk);
  void scout(std::span<const uint32_t> walks);
  void take_on_the_way(std::span<const uint32_t> walks, std::span<uint32_t> owner);
  void take_nearest(std::span<const uint32_t> walks, std::span<uint32_t> owner);
  void list_free_slots();

  uint32_t slot_count_;
  uint32_t few_slots_;  // of so many it is quicker to find the nearest than to walk to it
  uint32_t free_count_;
  std::vector<uint8_t> is_free_;  // 0 or 1, by slot; twice, so that steps need no modulo
  std::vector<Walk> walks_;
  std::vector<uint32_t> waiting_;     // scouts that have not come to a free slot yet
  std::vector<uint32_t> free_slots_;  // listed when they are few
};

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Walking without waiting: wrong guesses of branches, not looks at slots, would be the greater part
// of the time.
#include "dataplane/maglev/slot_walks.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace sluice::dataplane {
namespace {

// Walks that scout together; large enough for the processor to overlap their steps, small enough
// that few come to the same slot. Source: tests/bench/table_bench.cc.
constexpr size_t kBatch = 256;
constexpr size_t kStragglers = 4;  // so many go on alone

// (slot + added) % slot_count for numbers below it, without a branch.
uint32_t sum_of(uint32_t slot, uint32_t added, uint32_t slot_count) {
  const auto over = static_cast<int32_t>(slot + added - slot_count);
  return static_cast<uint32_t>(over) + (slot_count & static_cast<uint32_t>(over >> 31));
}

// The number whose product with `number` is 1 modulo a prime, by Euclid's algorithm.
uint64_t inverse_of(uint32_t number, uint32_t prime) {
  int64_t remainder = number;
  int64_t last_remainder = prime;
  int64_t factor = 1;
  int64_t last_factor = 0;
  while (remainder > 1) {
    const int64_t quotient = last_remainder / remainder;
    last_remainder = std::exchange(remainder, last_remainder - quotient * remainder);
    last_factor = std::exchange(factor, last_factor - quotient * factor);
  }
  return static_cast<uint64_t>(factor < 0 ? factor + prime : factor);
}

// The greatest number whose square is at most `square`.
uint32_t root_of(uint32_t square) {
  uint32_t root = 0;
  while (uint64_t{root + 1} * (root + 1) <= square)
    ++root;
  return root;
}

}  // namespace

// How many slots on the way from `is_free[0]` on are taken before one is free, at most a window.
// Looks at all of them: that is quicker than to guess when to stop.
inline uint32_t SlotWalks::taken_ahead(const uint8_t* is_free, const Walk& walk) {
  uint32_t free = 1;
  for (uint32_t i = kWindow; i-- > 0;)
    free = 2 * free + is_free[walk.ahead[i]];
  return static_cast<uint32_t>(std::countr_zero(free));
}

SlotWalks::SlotWalks(std::span<const SlotPermutation> permutations, uint32_t slot_count)
    : slot_count_(slot_count),
      few_slots_(root_of(slot_count) / 2),
      free_count_(slot_count),
      is_free_(size_t{slot_count} * 2, 1),
      waiting_(kBatch) {
  walks_.reserve(permutations.size());
  for (const SlotPermutation& permutation : permutations) {
    Walk& walk = walks_.emplace_back();
    walk.next = permutation.offset;
    walk.ahead[0] = 0;
    for (uint32_t i = 0; i < kWindow; ++i)
      walk.ahead[i + 1] = sum_of(walk.ahead[i], permutation.skip, slot_count);
  }
}

void SlotWalks::take(std::span<const uint32_t> walks, std::span<uint32_t> owner) {
  while (!walks.empty()) {
    size_t count = walks.size();
    if (free_count_ <= few_slots_) {
      take_nearest(walks, owner);
    } else {
      count = std::min({count, kBatch, size_t{free_count_ - few_slots_}});
      // Earlier most walks stand at a free slot; later each has so far to go that it waits little.
      if (free_count_ < slot_count_ / 4 * 3 && free_count_ > slot_count_ / 32)
        scout(walks.first(count));
      take_on_the_way(walks.first(count), owner);
    }
    free_count_ -= static_cast<uint32_t>(count);
    walks = walks.subspan(count);
  }
}

// Leads walks past slots that are taken, side by side, so that no step waits for another. Where it
// leads them is no choice yet: that two come to the same slot is settled when they take it.
void SlotWalks::scout(std::span<const uint32_t> walks) {
  const uint8_t* const is_free = is_free_.data();
  const uint32_t slot_count = slot_count_;
  Walk* const all = walks_.data();
  uint32_t* const waiting = waiting_.data();
  const uint32_t* from = walks.data();
  for (size_t count = walks.size(); count > kStragglers; from = waiting) {
    size_t still_waiting = 0;
    for (size_t k = 0; k < count; ++k) {
      const uint32_t position = from[k];
      Walk& walk = all[position];
      const uint32_t steps = taken_ahead(is_free + walk.next, walk);
      walk.next = sum_of(walk.next, walk.ahead[steps], slot_count);
      waiting[still_waiting] = position;
      still_waiting += steps / kWindow;
    }
    count = still_waiting;
  }
}

void SlotWalks::take_on_the_way(std::span<const uint32_t> walks, std::span<uint32_t> owner) {
  uint8_t* const is_free = is_free_.data();
  const uint32_t slot_count = slot_count_;
  Walk* const all = walks_.data();
  for (const uint32_t position : walks) {
    Walk& walk = all[position];
    uint32_t slot = walk.next;
    if (is_free[slot] == 0) [[unlikely]] {
      uint32_t steps = 0;
      while ((steps = taken_ahead(is_free + slot, walk)) == kWindow)
        slot = sum_of(slot, walk.ahead[kWindow], slot_count);
      slot = sum_of(slot, walk.ahead[steps], slot_count);
    }
    is_free[slot] = is_free[slot + slot_count] = 0;
    owner[slot] = position;
    walk.next = sum_of(slot, walk.ahead[1], slot_count);
  }
}

void SlotWalks::list_free_slots() {
  const uint8_t* const begin = is_free_.data();
  const uint8_t* const end = begin + slot_count_;
  const auto next = [&](const uint8_t* from) {
    return static_cast<const uint8_t*>(std::memchr(from, 1, static_cast<size_t>(end - from)));
  };
  for (const uint8_t* slot = next(begin); slot != nullptr; slot = next(slot + 1))
    free_slots_.push_back(static_cast<uint32_t>(slot - begin));
}

// The same without walking. A slot is (slot - next) / skip steps away, modulo the slots; in units
// of 2^64 / slot_count the modulo is the overflow of 64 bits.
void SlotWalks::take_nearest(std::span<const uint32_t> walks, std::span<uint32_t> owner) {
  if (free_slots_.empty()) list_free_slots();
  for (const uint32_t position : walks) {
    Walk& walk = walks_[position];
    const unsigned __int128 steps_per_slot = inverse_of(walk.ahead[1], slot_count_);
    const auto unit = static_cast<uint64_t>((steps_per_slot << 64) / slot_count_) + 1;
    uint64_t least_steps = UINT64_MAX;
    uint32_t* nearest = nullptr;
    for (uint32_t& slot : free_slots_) {
      const uint64_t steps = (uint64_t{slot} + slot_count_ - walk.next) * unit;
      if (steps >= least_steps) continue;
      least_steps = steps;
      nearest = &slot;
    }
    walk.next = std::exchange(*nearest, free_slots_.back());
    free_slots_.pop_back();
    owner[walk.next] = position;
  }
}

}  // namespace sluice::dataplane

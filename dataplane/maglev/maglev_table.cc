// SPDX-License-Identifier: Apache-2.0
//
// Weighted Maglev population: how many slots each member gets, in which order the members choose.
#include "dataplane/maglev/maglev_table.h"

#include <algorithm>
#include <numeric>
#include <queue>
#include <string_view>
#include <utility>

namespace sluice::dataplane {
namespace {

// Positions of the members with weight, by name, so that nothing depends on the order they came in.
std::vector<uint32_t> weighted_by_name(std::span<const MaglevMember> members) {
  std::vector<uint32_t> order;
  for (uint32_t i = 0; i < members.size(); ++i) {
    if (members[i].weight > 0) order.push_back(i);
  }
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return members[a].name < members[b].name; });
  return order;
}

// Divides `slots` among `chosen` by weight, floors first, then one more to each of the largest
// remainders.
void share_out(std::span<const uint32_t> weights, std::span<const uint32_t> chosen, uint64_t slots,
               std::vector<uint32_t>& targets) {
  uint64_t weight_sum = 0;
  for (const uint32_t i : chosen)
    weight_sum += weights[i];
  std::vector<std::pair<uint64_t, uint32_t>> remainders;
  uint64_t given = 0;
  for (const uint32_t i : chosen) {
    const uint64_t exact = slots * weights[i];  // in units of 1 / weight_sum; below 2^24 * 2^20
    targets[i] = static_cast<uint32_t>(exact / weight_sum);
    given += targets[i];
    remainders.emplace_back(exact % weight_sum, i);
  }
  std::stable_sort(remainders.begin(), remainders.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (size_t k = 0; given < slots; ++k, ++given)
    ++targets[remainders[k].second];
}

// Slot counts that add up to `slot_count`: exact shares, but at least one slot each while there are
// enough.
std::vector<uint32_t> slot_targets(std::span<const uint32_t> weights, uint32_t slot_count) {
  std::vector<uint32_t> targets(weights.size(), 0);
  std::vector<uint32_t> by_weight(weights.size());
  std::iota(by_weight.begin(), by_weight.end(), 0u);
  std::stable_sort(by_weight.begin(), by_weight.end(),
                   [&](uint32_t a, uint32_t b) { return weights[a] < weights[b]; });

  uint64_t slots = slot_count;
  uint64_t weight_sum = std::accumulate(weights.begin(), weights.end(), uint64_t{0});
  size_t pinned = 0;
  if (weights.size() <= slot_count) {
    while (slots * weights[by_weight[pinned]] < weight_sum) {
      weight_sum -= weights[by_weight[pinned]];
      targets[by_weight[pinned++]] = 1;
      --slots;
    }
  }
  std::vector<uint32_t> rest(by_weight.begin() + static_cast<std::ptrdiff_t>(pinned),
                             by_weight.end());
  std::sort(rest.begin(), rest.end());
  share_out(weights, rest, slots, targets);
  return targets;
}

// One member's walk over all slots in the order it prefers them.
class Preference {
 public:
  Preference(MaglevTable::Permutation permutation, uint32_t slot_count)
      : next_(permutation.offset), skip_(permutation.skip), slot_count_(slot_count) {}

  uint32_t take_free(std::vector<bool>& taken) {
    while (taken[next_])
      advance();
    const uint32_t slot = next_;
    taken[slot] = true;
    advance();
    return slot;
  }

 private:
  void advance() {
    next_ += skip_;
    if (next_ >= slot_count_) next_ -= slot_count_;
  }
  uint32_t next_;
  uint32_t skip_;
  uint32_t slot_count_;
};

// Who chooses next: turn j of a member comes at time j / weight, members in order at equal times. A
// member's turns depend on its own weight only, so that a change of another member's leaves them
// where they are.
class Turns {
 public:
  explicit Turns(std::span<const uint32_t> weights) {
    for (uint32_t i = 0; i < weights.size(); ++i)
      queue_.push({0, weights[i], i});
  }
  // Shape: `member` is what the last call gave; it chooses again later.
  uint32_t take() {
    const Turn turn = queue_.top();
    queue_.pop();
    queue_.push({turn.number + 1, turn.weight, turn.member});
    return turn.member;
  }

 private:
  struct Turn {
    uint64_t number;
    uint64_t weight;
    uint32_t member;
    bool operator<(const Turn& other) const {       // std::priority_queue gives the greatest first
      const uint64_t mine = number * other.weight;  // below 2^24 * 2^20
      const uint64_t its = other.number * weight;
      return mine != its ? mine > its : member > other.member;
    }
  };
  std::priority_queue<Turn> queue_;
};

}  // namespace

std::vector<uint32_t> MaglevTable::populate(std::span<const Permutation> permutations,
                                            std::span<const uint32_t> weights,
                                            uint32_t slot_count) {
  std::vector<uint32_t> owner(slot_count, kNoMember);
  if (permutations.empty()) return owner;
  std::vector<uint32_t> left = slot_targets(weights, slot_count);
  std::vector<Preference> preferences;
  for (const Permutation& permutation : permutations) {
    preferences.emplace_back(permutation, slot_count);
  }
  std::vector<bool> taken(slot_count, false);
  Turns turns(weights);
  for (uint32_t filled = 0; filled < slot_count;) {
    const uint32_t member = turns.take();
    if (left[member] == 0) continue;
    --left[member];
    owner[preferences[member].take_free(taken)] = member;
    ++filled;
  }
  return owner;
}

MaglevTable MaglevTable::build(std::span<const MaglevMember> members, uint32_t slot_count,
                               const HashKey& key) {
  const std::vector<uint32_t> order = weighted_by_name(members);
  std::vector<Permutation> permutations;
  std::vector<uint32_t> weights;
  for (const uint32_t position : order) {
    const uint64_t hash = keyed_hash(key, members[position].name);
    const auto low = static_cast<uint32_t>(hash);
    const auto high = static_cast<uint32_t>(hash >> 32);
    permutations.push_back({low % slot_count, slot_count > 1 ? high % (slot_count - 1) + 1 : 0});
    weights.push_back(members[position].weight);
  }
  std::vector<uint32_t> owner = populate(permutations, weights, slot_count);
  for (uint32_t& member : owner) {
    if (member != kNoMember) member = order[member];
  }
  return MaglevTable(std::move(owner));
}

uint32_t MaglevTable::successor(uint32_t slot, uint32_t attempt) const noexcept {
  const uint64_t slots = owner_.size();
  if (slots < 3) return static_cast<uint32_t>((uint64_t{slot} + attempt) % slots);
  // The finalizer of MurmurHash3: neighbouring slots get unrelated strides.
  uint64_t mixed = uint64_t{slot} + 0x9e37'79b9'7f4a'7c15;
  mixed = (mixed ^ mixed >> 33) * 0xff51'afd7'ed55'8ccd;
  mixed = (mixed ^ mixed >> 33) * 0xc4ce'b9fe'1a85'ec53;
  const uint64_t stride = 1 + (mixed ^ mixed >> 33) % (slots - 1);
  return static_cast<uint32_t>((slot + attempt * stride) % slots);
}

bool is_prime(uint32_t number) noexcept {
  if (number < 2) return false;
  for (uint64_t divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return true;
}

}  // namespace sluice::dataplane

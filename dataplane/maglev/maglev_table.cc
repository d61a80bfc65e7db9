// SPDX-License-Identifier: Apache-2.0
//
// Weighted Maglev population: how many slots each member gets, in which order the members choose.
#include "dataplane/maglev/maglev_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <thread>
#include <utility>

namespace sluice::dataplane {
namespace {

// Divides `slots` among `chosen` by weight, floors first, then one more to each of the largest
// remainders.
void share_out(std::span<const uint32_t> weights, std::span<const uint32_t> chosen, uint64_t slots,
               std::vector<uint32_t>& targets) {
  uint64_t weight_sum = 0;
  for (const uint32_t i : chosen)
    weight_sum += weights[i];
  struct Remainder {
    uint64_t size;
    uint32_t member;
  };
  std::vector<Remainder> remainders;
  remainders.reserve(chosen.size());
  uint64_t given = 0;
  for (const uint32_t i : chosen) {
    const uint64_t exact = slots * weights[i];  // in units of 1 / weight_sum; below 2^24 * 2^20
    targets[i] = static_cast<uint32_t>(exact / weight_sum);
    given += targets[i];
    remainders.push_back({exact % weight_sum, i});
  }
  const auto end = remainders.begin() + static_cast<std::ptrdiff_t>(slots - given);
  std::nth_element(remainders.begin(), end, remainders.end(),
                   [](const Remainder& a, const Remainder& b) {
                     return a.size != b.size ? a.size > b.size : a.member < b.member;
                   });
  for (auto largest = remainders.begin(); largest != end; ++largest)
    ++targets[largest->member];
}

// Slot counts that add up to `slot_count`: exact shares, but at least one slot each while there are
// enough.
std::vector<uint32_t> slot_targets(std::span<const uint32_t> weights, uint32_t slot_count) {
  std::vector<uint32_t> targets(weights.size(), 0);
  std::vector<uint32_t> rest(weights.size());  // a heap with the lightest first
  std::iota(rest.begin(), rest.end(), 0u);
  if (weights.size() > slot_count) {
    share_out(weights, rest, slot_count, targets);
    return targets;
  }
  const auto lighter = [&](uint32_t a, uint32_t b) { return weights[a] > weights[b]; };
  std::make_heap(rest.begin(), rest.end(), lighter);
  uint64_t slots = slot_count;
  uint64_t weight_sum = std::accumulate(weights.begin(), weights.end(), uint64_t{0});
  while (slots * weights[rest.front()] < weight_sum) {
    weight_sum -= weights[rest.front()];
    targets[rest.front()] = 1;
    --slots;
    std::pop_heap(rest.begin(), rest.end(), lighter);
    rest.pop_back();
  }
  share_out(weights, rest, slots, targets);
  return targets;
}

// Who chooses when. A member of weight w has a clock of its own: it ticks as often as that of any
// weight of the same class, with 2^c / 2 < w <= 2^c, and half as often as that of the next class.
// Turn j comes at tick j * 2^c / w of that clock, rounded down. So turns depend on the member's own
// weight only: a change of another member's leaves them where they are.
class Turns {
 public:
  // Shape: weights > 0, at least one; `left` says how many turns each member has.
  Turns(std::span<const uint32_t> weights, std::span<const uint32_t> left);

  // The members that choose at the next tick of the fastest clock; none twice, perhaps none at all.
  std::span<const uint32_t> next();

 private:
  static constexpr size_t kClasses = 33;
  struct Pace {
    uint32_t member = 0;
    uint32_t left = 0;
    uint32_t delay = 0;   // what it falls behind at each tick of its clock, in ticks / 2^32
    uint32_t behind = 0;  // it misses the tick at which this overflows
  };
  static uint32_t class_of(uint32_t weight) {
    return static_cast<uint32_t>(std::bit_width(weight - 1));
  }

  std::vector<Pace> paces_;                 // the fastest clocks first
  std::array<size_t, kClasses> ticking_{};  // [z]: how many, when z zeros end the tick's number
  std::vector<uint32_t> choosing_;
  uint32_t tick_ = 0;
};

Turns::Turns(std::span<const uint32_t> weights, std::span<const uint32_t> left)
    : paces_(weights.size()), choosing_(weights.size()) {
  const uint32_t fastest = class_of(*std::max_element(weights.begin(), weights.end()));
  for (const uint32_t weight : weights)
    ++ticking_[fastest - class_of(weight)];
  std::partial_sum(ticking_.begin(), ticking_.end(), ticking_.begin());
  std::array<size_t, kClasses> end = ticking_;  // of the class's place in `paces_`
  for (size_t i = weights.size(); i-- > 0;) {
    const uint32_t weight_class = class_of(weights[i]);
    const uint64_t short_of = (uint64_t{1} << weight_class) - weights[i];
    paces_[--end[fastest - weight_class]] = {
        .member = static_cast<uint32_t>(i),
        .left = left[i],
        .delay = static_cast<uint32_t>(short_of << (32 - weight_class))};
  }
}

std::span<const uint32_t> Turns::next() {
  const auto zeros =
      static_cast<size_t>(std::countr_zero(tick_++));  // of 0: 32, so all clocks tick
  size_t count = 0;
  for (Pace& pace : std::span(paces_).first(ticking_[zeros])) {
    pace.behind += pace.delay;
    const uint32_t is_on_time = pace.behind >= pace.delay ? 1 : 0;
    const uint32_t chooses = is_on_time & (pace.left != 0 ? 1u : 0u);  // without a branch
    pace.left -= chooses;
    choosing_[count] = pace.member;
    count += chooses;
  }
  return std::span(choosing_).first(count);
}

// A member with weight and what its slots depend on beside that.
struct Named {
  uint64_t hash;  // of the name
  uint32_t position;
};

// By hash, so that nothing depends on the order they came in.
std::vector<Named> weighted_by_hash(std::span<const MaglevMember> members, const HashKey& key) {
  std::vector<Named> order;
  order.reserve(members.size());
  for (uint32_t i = 0; i < members.size(); ++i) {
    if (members[i].weight > 0) order.push_back({keyed_hash(key, members[i].name), i});
  }
  std::sort(order.begin(), order.end(), [&](const Named& a, const Named& b) {
    return a.hash != b.hash ? a.hash < b.hash : members[a.position].name < members[b.position].name;
  });
  return order;
}

}  // namespace

std::vector<uint32_t> MaglevTable::populate(std::span<const SlotPermutation> permutations,
                                            std::span<const uint32_t> weights,
                                            uint32_t slot_count) {
  std::vector<uint32_t> owner(slot_count, kNoMember);
  if (permutations.empty()) return owner;
  Turns turns(weights, slot_targets(weights, slot_count));
  SlotWalks walks(permutations, slot_count);
  for (size_t taken = 0; taken < slot_count;) {
    const std::span<const uint32_t> choosing = turns.next();
    walks.take(choosing, owner);
    taken += choosing.size();
  }
  return owner;
}

MaglevTable MaglevTable::build(std::span<const MaglevMember> members, uint32_t slot_count,
                               const HashKey& key) {
  const std::vector<Named> order = weighted_by_hash(members, key);
  std::vector<SlotPermutation> permutations;
  std::vector<uint32_t> weights;
  permutations.reserve(order.size());
  weights.reserve(order.size());
  for (const Named& member : order) {
    const auto low = static_cast<uint32_t>(member.hash);
    const auto high = static_cast<uint32_t>(member.hash >> 32);
    permutations.push_back({low % slot_count, slot_count > 1 ? high % (slot_count - 1) + 1 : 0});
    weights.push_back(members[member.position].weight);
  }
  std::vector<uint32_t> owner = populate(permutations, weights, slot_count);
  if (order.empty()) return MaglevTable(std::move(owner));
  for (uint32_t& slot : owner)
    slot = order[slot].position;
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

std::vector<std::shared_ptr<const MaglevTable>> build_maglev_tables(
    std::span<const MaglevOrder> orders, const HashKey& key, size_t threads) {
  std::vector<std::shared_ptr<const MaglevTable>> tables(orders.size());
  const size_t stride = std::min(threads, orders.size());
  const auto build_every = [&](size_t first) {
    for (size_t i = first; i < orders.size(); i += stride) {
      tables[i] = std::make_shared<const MaglevTable>(
          MaglevTable::build(orders[i].members, orders[i].slot_count, key));
    }
  };
  std::vector<std::jthread> others;
  for (size_t first = 1; first < stride; ++first)
    others.emplace_back(build_every, first);
  build_every(0);
  others.clear();  // waits for them
  return tables;
}

bool is_prime(uint32_t number) noexcept {
  if (number < 2) return false;
  for (uint64_t divisor = 2; divisor * divisor <= number; ++divisor) {
    if (number % divisor == 0) return false;
  }
  return true;
}

}  // namespace sluice::dataplane

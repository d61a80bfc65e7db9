// SPDX-License-Identifier: Apache-2.0
//
// Weighted rendezvous in integers: a bucket goes to the member with the least -log2(u) / weight.
#include "dataplane/maglev/sticky_split.h"

#include <bit>
#include <memory>

namespace sluice::dataplane {
namespace {

constexpr int kFractionBits =
    38;  // 5 bits before the point and 20 of weight leave the product below 2^63

// -log2((2 * place + 1) / 2^17) in fixed point, by repeated squaring of the mantissa; integers
// only.
uint64_t exponential_of(uint32_t place) noexcept {
  const uint64_t odd = uint64_t{place} * 2 + 1;
  const int whole = static_cast<int>(std::bit_width(odd)) - 1;
  uint64_t mantissa = odd << (62 - whole);  // in [1, 2), 62 bits after the point
  uint64_t log2 = static_cast<uint64_t>(whole);
  for (int bit = 0; bit < kFractionBits; ++bit) {
    mantissa = static_cast<uint64_t>(static_cast<unsigned __int128>(mantissa) * mantissa >> 62);
    const uint64_t carry = mantissa >> 63;
    mantissa >>= carry;
    log2 = log2 << 1 | carry;
  }
  return (uint64_t{17} << kFractionBits) - log2;
}

using Exponentials = std::array<uint64_t, StickySplit::kBuckets>;

std::unique_ptr<const Exponentials> make_exponentials() {
  auto table = std::make_unique<Exponentials>();
  for (uint32_t place = 0; place < table->size(); ++place)
    (*table)[place] = exponential_of(place);
  return table;
}

}  // namespace

// The leader so far. Scores are compared by cross-multiplication, equal ones by name. Without a
// branch, which would be guessed wrong for every other bucket of an even split.
struct StickySplit::Best {
  uint32_t position = kNoMember;
  uint32_t weight = 0;  // with this and the next, nobody loses against every challenger
  uint64_t exponential = 1;
  uint64_t name_hash = 0;

  void challenge(uint32_t by, const Rival& challenger, uint64_t its_exponential) noexcept {
    const uint64_t mine = exponential * challenger.weight;
    const uint64_t its = its_exponential * weight;
    const uint64_t wins = static_cast<uint64_t>(its < mine) |
                          (static_cast<uint64_t>(its == mine) &
                           static_cast<uint64_t>(challenger.name_hash < name_hash));
    const uint64_t mask = 0 - wins;
    position ^= (position ^ by) & static_cast<uint32_t>(mask);
    weight ^= (weight ^ challenger.weight) & static_cast<uint32_t>(mask);
    exponential ^= (exponential ^ its_exponential) & mask;
    name_hash ^= (name_hash ^ challenger.name_hash) & mask;
  }
};

uint32_t StickySplit::Rival::place(uint32_t bucket) const noexcept {
  uint32_t left = bucket >> 8;
  uint32_t right = bucket & 0xff;
  for (const std::array<uint8_t, 256>& round : rounds) {
    const uint32_t mixed = left ^ round[right];
    left = right;
    right = mixed;
  }
  return left << 8 | right;
}

StickySplit::Rival StickySplit::make_rival(const SplitMember& member, std::string_view seed,
                                           const HashKey& key) {
  Rival rival;
  const uint64_t seed_hash = keyed_hash(key, seed);
  rival.name_hash = keyed_hash(key, std::array{seed_hash, keyed_hash(key, member.name)});
  rival.weight = member.weight;
  for (uint64_t round = 0; round < rival.rounds.size(); ++round) {
    for (uint64_t half = 0; half < 256; ++half) {
      const uint64_t hash = keyed_hash(key, std::array{rival.name_hash, round << 8 | half});
      rival.rounds[round][half] = static_cast<uint8_t>(hash >> 56);
    }
  }
  return rival;
}

StickySplit StickySplit::build(std::span<const SplitMember> members, std::string_view seed,
                               const HashKey& key) {
  static const std::unique_ptr<const Exponentials> exponentials = make_exponentials();
  StickySplit split;
  uint32_t weighted = 0;
  for (const SplitMember& member : members) {
    split.rivals_.push_back(make_rival(member, seed, key));
    if (member.weight == 0) continue;
    split.only_ = static_cast<uint32_t>(split.rivals_.size() - 1);
    ++weighted;
  }
  split.single_ = weighted == 1;
  if (split.single_) return split;

  split.owner_.resize(kBuckets);
  std::array<Best, 256> best;
  for (uint32_t block = 0; block < kBuckets; block += best.size()) {
    best.fill({});
    for (uint32_t i = 0; i < split.rivals_.size(); ++i) {
      const Rival& rival = split.rivals_[i];
      if (rival.weight == 0) continue;
      for (uint32_t k = 0; k < best.size(); ++k)
        best[k].challenge(i, rival, (*exponentials)[rival.place(block + k)]);
    }
    for (uint32_t k = 0; k < best.size(); ++k)
      split.owner_[block + k] = static_cast<uint8_t>(best[k].position);
  }
  return split;
}

uint32_t StickySplit::owner_among(uint32_t bucket, std::span<const uint8_t> serves) const noexcept {
  Best best;
  for (uint32_t i = 0; i < rivals_.size(); ++i) {
    if (rivals_[i].weight == 0 || serves[i] == 0) continue;
    best.challenge(i, rivals_[i], exponential_of(rivals_[i].place(bucket)));
  }
  return best.position;
}

}  // namespace sluice::dataplane

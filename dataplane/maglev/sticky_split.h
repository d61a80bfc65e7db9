// SPDX-License-Identifier: Apache-2.0
//
// The sticky split: which pool of a route's split each of 65,536 buckets of clients belongs to.
// Source: weighted rendezvous hashing (Mosko et al.) in fixed point, so that every host computes
// the same buckets.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataplane/net/keyed_hash.h"

namespace sluice::dataplane {

struct SplitMember {
  std::string name;     // of the pool
  uint32_t weight = 0;  // 0..1000000
};

// Immutable after construction. When one weight changes, clients move only between that pool and
// others.
class StickySplit {
 public:
  static constexpr uint32_t kBuckets = 65536;
  static constexpr size_t kMembersMax = 255;

  // Shape: 1..kMembersMax members, at least one weight > 0; positions are the order given, buckets
  // do not depend on it.  Alloc: yes.
  static StickySplit build(std::span<const SplitMember> members, std::string_view seed,
                           const HashKey& key);

  static constexpr uint32_t bucket_of(uint64_t hash) noexcept {
    return static_cast<uint32_t>(hash >> 48);
  }
  // Position of the member that owns the bucket.
  uint32_t owner(uint32_t bucket) const noexcept { return single_ ? only_ : owner_[bucket]; }
  // The owner among members whose position is set in `serves`; weight 0 never.  Shape:
  // serves[position]. Errors: kNoMember when none of them serves.  Cost: members.size() hashes; for
  // the rare case of a failed pool.
  uint32_t owner_among(uint32_t bucket, std::span<const uint8_t> serves) const noexcept;
  static constexpr uint32_t kNoMember = 0xffff'ffff;

 private:
  StickySplit() = default;
  // What a member's scores depend on. Its places in the buckets are a keyed permutation of 0..65535
  // (a Feistel network of four rounds), so that each place is taken exactly once: shares are closer
  // than by chance.
  struct Rival {
    uint64_t name_hash = 0;
    uint32_t weight = 0;
    std::array<std::array<uint8_t, 256>, 4> rounds{};
    uint32_t place(uint32_t bucket) const noexcept;
  };
  struct Best;
  static Rival make_rival(const SplitMember& member, std::string_view seed, const HashKey& key);
  bool single_ = false;
  uint32_t only_ = 0;
  std::vector<Rival> rivals_;
  std::vector<uint8_t> owner_;
};

}  // namespace sluice::dataplane

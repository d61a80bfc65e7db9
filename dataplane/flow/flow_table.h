// SPDX-License-Identifier: Apache-2.0
//
// The flows of one lcore: exact keys, fixed capacity, one cache line to look a flow up and one for
// its entry.
//
// A bucket of eight tags fits one line. A flow lives in its home bucket or, when that is full, in a
// second one that its hash names; the home counts those, so that most look-ups, also vain ones,
// read the home alone.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <optional>

#include "dataplane/flow/flow_entry.h"
#include "dataplane/flow/tag_match.h"
#include "dataplane/flow/touched_array.h"
#include "dataplane/net/flow_key.h"
#include "dataplane/net/keyed_hash_burst.h"

namespace sluice::dataplane {

// Thread: the lcore that owns it.  Alloc: startup; none after `create`.
template <Family F>
class FlowTable {
 public:
  using Key = FlowKey<F>;
  using Entry = FlowEntry<F>;

  // Shape: at most `capacity` flows, at least 1; `key` is random per process.  Errors: nullopt when
  // memory is short.
  static std::optional<FlowTable> create(uint32_t capacity, const HashKey& key) noexcept;

  uint64_t hash(const Key& key) const noexcept { return keyed_hash(hash_key_, key.words); }

  // The same of many keys, with the best instructions that the processor has.
  void hash(const KeyColumns<Key::kWords>& keys, size_t count, HashColumn& out) const noexcept {
    hash(hash_key_, keys, count, out);
  }
  // And with another key than the table's.
  void hash(const HashKey& hash_key, const KeyColumns<Key::kWords>& keys, size_t count,
            HashColumn& out) const noexcept {
    hash_burst_(hash_key, keys, count, out);
  }

  void prefetch_bucket(uint64_t hash) const noexcept { __builtin_prefetch(&home(hash)); }
  // The entry that `find` will most likely return, on its way to the cache; nullptr when the home
  // bucket has none.  Cost: the home bucket, prefetched before.
  Entry* guess(uint64_t hash) noexcept;

  // Shape: `guess` is what `guess(hash)` gave, and no flow was inserted since.  Errors: nullptr
  // when there is no such flow.  Cost: one entry line when the guess is right, else one bucket line
  // and one entry line.
  Entry* find(const Key& key, uint64_t hash, Entry* guess) noexcept {
    if (guess != nullptr && guess->key == key) [[likely]]
      return guess;
    if (guess == nullptr && home(hash).spilled == 0) return nullptr;
    return find(key, hash);
  }
  Entry* find(const Key& key, uint64_t hash) noexcept;
  // The new flow's entry: key set, all else as constructed; the caller gives it a state. The flow
  // must be absent. Errors: nullptr when the table or both of the flow's buckets are full.
  Entry* insert(const Key& key, uint64_t hash) noexcept;
  // Forgets a flow. Its entry is free when this returns.
  void erase(Entry& entry) noexcept;

  FlowDetail& detail(const Entry& entry) noexcept { return details_[position(entry)]; }
  uint32_t position(const Entry& entry) const noexcept {
    return static_cast<uint32_t>(&entry - entries_.elements());
  }
  Entry& at(uint32_t position) noexcept { return entries_[position]; }

  uint32_t size() const noexcept { return size_; }
  bool is_full() const noexcept { return size_ == capacity(); }
  uint32_t capacity() const noexcept { return static_cast<uint32_t>(entries_.size()); }
  // No flow has a position from here on.
  uint32_t positions_end() const noexcept { return positions_end_; }

 private:
  static constexpr uint32_t kWays = 8;
  static constexpr uint32_t kNoEntry = 0xffff'ffff;

  struct alignas(64) Bucket {
    BucketTags tags;
    std::array<uint32_t, kWays> entries;
    uint32_t spilled;  // flows at home here that live in their second bucket
    uint8_t used;      // a bit per way
  };
  static_assert(sizeof(Bucket) == 64, "one line per look-up");

  // A place in a bucket.
  struct Way {
    Bucket* bucket = nullptr;
    uint32_t index = 0;
  };

  static uint16_t tag(uint64_t hash) noexcept { return static_cast<uint16_t>(hash >> 48); }
  Bucket& home(uint64_t hash) const noexcept { return buckets_.elements()[hash & bucket_mask_]; }
  Bucket& second(uint64_t hash) const noexcept {
    return buckets_.elements()[hash >> 24 & bucket_mask_];
  }
  static uint32_t candidates(const Bucket& bucket, uint16_t tag) noexcept {
    return match_tags(bucket.tags, tag) & bucket.used;
  }
  Entry* find_in(Bucket& bucket, const Key& key, uint16_t tag) noexcept;
  Way free_way(uint64_t hash) noexcept;
  Way way_of(uint32_t position, uint64_t hash) noexcept;
  uint32_t take_position() noexcept;

  HashKey hash_key_;
  KeyedHashBurst<Key::kWords> hash_burst_ = nullptr;
  TouchedArray<Bucket> buckets_;
  TouchedArray<Entry> entries_;
  TouchedArray<FlowDetail> details_;
  uint64_t bucket_mask_ = 0;
  uint32_t size_ = 0;
  uint32_t positions_end_ = 0;
  uint32_t first_free_ = kNoEntry;
};

template <Family F>
inline auto FlowTable<F>::guess(uint64_t hash) noexcept -> Entry* {
  const Bucket& bucket = home(hash);
  const uint32_t equal = candidates(bucket, tag(hash));
  if (equal == 0) [[unlikely]]
    return nullptr;
  Entry* const entry = entries_.elements() + bucket.entries[std::countr_zero(equal)];
  for (size_t line = 0; line < sizeof(Entry); line += 64)
    __builtin_prefetch(reinterpret_cast<const char*>(entry) + line, 1);
  return entry;
}

extern template class FlowTable<Family::kIpv4>;
extern template class FlowTable<Family::kIpv6>;

}  // namespace sluice::dataplane

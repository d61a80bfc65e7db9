// SPDX-License-Identifier: Apache-2.0
//
// The flow table: tags in buckets, entries beside them, a free list through the entries.
#include "dataplane/flow/flow_table.h"

#include <algorithm>

namespace sluice::dataplane {

namespace {

// Buckets of eight at one and a half to three flows each when the table is full: about one flow
// in a million finds both of its buckets full before the table is (bench, pipeline at 10 M flows).
constexpr uint32_t kFlowsPerBucket = 3;

}  // namespace

template <Family F>
std::optional<FlowTable<F>> FlowTable<F>::create(uint32_t capacity, const HashKey& key) noexcept {
  const uint32_t flows = std::max<uint32_t>(capacity, 1);
  const size_t buckets = std::bit_ceil(uint64_t{flows} / kFlowsPerBucket + 2);
  auto bucket_lines = TouchedArray<Bucket>::create(buckets);
  auto entries = TouchedArray<Entry>::create(flows);
  auto details = TouchedArray<FlowDetail>::create(flows);
  if (!bucket_lines || !entries || !details) return std::nullopt;

  FlowTable table;
  table.hash_key_ = key;
  table.hash_burst_ = keyed_hash_burst<Key::kWords>(best_instruction_set());
  table.buckets_ = std::move(*bucket_lines);
  table.entries_ = std::move(*entries);
  table.details_ = std::move(*details);
  table.bucket_mask_ = buckets - 1;
  return table;
}

template <Family F>
auto FlowTable<F>::find_in(Bucket& bucket, const Key& key, uint16_t tag) noexcept -> Entry* {
  for (uint32_t equal = candidates(bucket, tag); equal != 0; equal &= equal - 1) {
    Entry& entry = entries_[bucket.entries[std::countr_zero(equal)]];
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

template <Family F>
auto FlowTable<F>::find(const Key& key, uint64_t hash) noexcept -> Entry* {
  Bucket& first = home(hash);
  if (Entry* entry = find_in(first, key, tag(hash))) return entry;
  if (first.spilled == 0) [[likely]]
    return nullptr;
  return find_in(second(hash), key, tag(hash));
}

template <Family F>
auto FlowTable<F>::free_way(uint64_t hash) noexcept -> Way {
  constexpr uint8_t kAllUsed = 0xff;
  for (Bucket* bucket : {&home(hash), &second(hash)}) {
    if (bucket->used == kAllUsed) continue;
    return {bucket, static_cast<uint32_t>(std::countr_one(bucket->used))};
  }
  return {};
}

template <Family F>
uint32_t FlowTable<F>::take_position() noexcept {
  if (first_free_ != kNoEntry) {
    const uint32_t position = first_free_;
    first_free_ = entries_[position].next_free;
    return position;
  }
  return positions_end_ < capacity() ? positions_end_++ : kNoEntry;
}

template <Family F>
auto FlowTable<F>::insert(const Key& key, uint64_t hash) noexcept -> Entry* {
  if (is_full()) return nullptr;  // at the price of no line
  const Way way = free_way(hash);
  if (way.bucket == nullptr) return nullptr;
  const uint32_t position = take_position();
  if (position == kNoEntry) return nullptr;

  way.bucket->tags[way.index] = tag(hash);
  way.bucket->entries[way.index] = position;
  way.bucket->used = static_cast<uint8_t>(way.bucket->used | 1u << way.index);
  if (way.bucket != &home(hash)) ++home(hash).spilled;
  ++size_;

  Entry& entry = entries_[position];
  entry = Entry{};
  entry.key = key;
  return &entry;
}

template <Family F>
auto FlowTable<F>::way_of(uint32_t position, uint64_t hash) noexcept -> Way {
  for (Bucket* bucket : {&home(hash), &second(hash)}) {
    for (uint32_t equal = candidates(*bucket, tag(hash)); equal != 0; equal &= equal - 1) {
      const auto index = static_cast<uint32_t>(std::countr_zero(equal));
      if (bucket->entries[index] == position) return {bucket, index};
    }
  }
  return {};
}

template <Family F>
void FlowTable<F>::erase(Entry& entry) noexcept {
  const uint64_t entry_hash = hash(entry.key);
  const Way way = way_of(position(entry), entry_hash);
  if (way.bucket == nullptr) return;  // a free entry: nothing names it
  way.bucket->used = static_cast<uint8_t>(way.bucket->used & ~(1u << way.index));
  if (way.bucket != &home(entry_hash)) --home(entry_hash).spilled;
  --size_;

  entry.key = Key{};  // no flow's: what was guessed before does not match it
  entry.state = FlowState::kFree;
  entry.next_free = first_free_;
  first_free_ = position(entry);
}

template class FlowTable<Family::kIpv4>;
template class FlowTable<Family::kIpv6>;

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Building of the prefix trie: shorter prefixes first, so that longer ones overwrite them.
#include "dataplane/table/lpm.h"

#include <algorithm>

namespace sluice::dataplane {

template <Family F>
Lpm<F> Lpm<F>::build(std::span<const LpmEntry> entries, uint32_t default_value) {
  Lpm lpm;
  lpm.default_value_ = default_value;
  lpm.cells_.assign(size_t{1} << kRootBits, default_value);
  for (const LpmEntry& entry : entries) {
    if (entry.prefix.address().family() == F) lpm.entries_.push_back(entry);
  }
  std::vector<LpmEntry>& sorted = lpm.entries_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const LpmEntry& a, const LpmEntry& b) { return a.prefix < b.prefix; });
  std::reverse(sorted.begin(), sorted.end());  // of equal prefixes the last comes first, and stays
  sorted.erase(
      std::unique(sorted.begin(), sorted.end(),
                  [](const LpmEntry& a, const LpmEntry& b) { return a.prefix == b.prefix; }),
      sorted.end());
  std::reverse(sorted.begin(), sorted.end());

  std::vector<LpmEntry> by_length = sorted;
  std::stable_sort(by_length.begin(), by_length.end(), [](const LpmEntry& a, const LpmEntry& b) {
    return a.prefix.length() < b.prefix.length();
  });
  for (const LpmEntry& entry : by_length)
    lpm.insert(entry);
  lpm.cells_.shrink_to_fit();
  return lpm;
}

template <Family F>
void Lpm<F>::insert(const LpmEntry& entry) {
  const uint8_t* address = entry.prefix.address().bytes().data();
  const size_t length = entry.prefix.length();
  size_t first = 0;         // of the node
  size_t bits = kRootBits;  // what the node's index is wide
  size_t consumed = 0;      // address bits above the node
  size_t index = size_t{address[0]} << 8 | address[1];
  while (length > consumed + bits) {
    first = child_of(first + index);
    consumed += bits;
    bits = kStride;
    index = bits_at(address, consumed);
  }
  // No cell of the range has a child: only longer prefixes make them, and those come later.
  const size_t width = size_t{1} << (consumed + bits - length);
  std::fill_n(cells_.begin() + static_cast<std::ptrdiff_t>(first + index), width, entry.value);
}

// The first cell of the cell's child, made with the cell's value when there is none.
template <Family F>
uint32_t Lpm<F>::child_of(size_t cell) {
  const uint32_t value = cells_[cell];
  if ((value & kChild) != 0) return value & ~kChild;
  const auto child = static_cast<uint32_t>(cells_.size());
  cells_.resize(cells_.size() + (size_t{1} << kStride), value);
  cells_[cell] = kChild | child;
  return child;
}

template <Family F>
std::optional<IpPrefix> Lpm<F>::matched(const IpAddress& address) const {
  if (address.family() != F) return std::nullopt;
  for (int length = address.bit_count(); length >= 0; --length) {
    const IpPrefix prefix = IpPrefix::around(address, static_cast<uint8_t>(length));
    const auto found = std::lower_bound(
        entries_.begin(), entries_.end(), prefix,
        [](const LpmEntry& entry, const IpPrefix& wanted) { return entry.prefix < wanted; });
    if (found != entries_.end() && found->prefix == prefix) return prefix;
  }
  return std::nullopt;
}

template class Lpm<Family::kIpv4>;
template class Lpm<Family::kIpv6>;

}  // namespace sluice::dataplane

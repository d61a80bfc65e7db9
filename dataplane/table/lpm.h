// SPDX-License-Identifier: Apache-2.0
//
// Longest prefix match from an address to a number, immutable after construction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/net/ip_address.h"

namespace sluice::dataplane {

struct LpmEntry {
  IpPrefix prefix;
  uint32_t value = 0;  // below 2^31
  friend bool operator==(const LpmEntry&, const LpmEntry&) = default;
};

// A multibit trie: 16 bits at the root, then 8 (IPv4) or 4 bits (IPv6: one cache line per node, so
// that scattered /48 prefixes stay small). A cell is a value or a child. Nodes never change, so
// that a trie and what it is updated to share all nodes but those on the way to a change.
template <Family F>
class Lpm {
 public:
  // Entries of the other family are left out; of two equal prefixes the later one counts.  Alloc:
  // yes.
  static Lpm build(std::vector<LpmEntry> entries, uint32_t default_value = 0);
  // What `build` makes of the entries and the same default, but quicker the less of them changed.
  // Alloc: yes.  Thread: any.
  Lpm updated(std::vector<LpmEntry> entries) const;

  // Shape: `address` has 4 or 16 bytes in network order.  Alloc: none.
  // Cost: 1 line for prefixes up to /16, one more per 8 or 4 bits beyond.
  uint32_t find(const uint8_t* address) const noexcept {
    uint32_t cell = root_[size_t{address[0]} << 8 | address[1]];
    for (size_t bit = kRootBits; (cell & kChild) != 0; bit += kStride) {
      cell = cells_[(cell & ~kChild) + bits_at(address, bit)];
    }
    return cell;
  }

  // The prefix that decided `find`, for people; nullopt: the default did.  Cost: a binary search
  // per length.
  std::optional<IpPrefix> matched(const IpAddress& address) const;

  // What it was built from, sorted by prefix; equal entries make equal tries.
  std::span<const LpmEntry> entries() const noexcept { return entries_; }
  uint32_t default_value() const noexcept { return default_value_; }
  // With the nodes that it shares.
  size_t memory_bytes() const;

 private:
  static constexpr size_t kRootBits = 16;
  static constexpr size_t kRootCells = size_t{1} << kRootBits;
  static constexpr size_t kRootsMax = 32;  // of tries that share nodes: 8 MiB when all are made
  static constexpr size_t kStride = F == Family::kIpv4 ? 8 : 4;
  static constexpr uint32_t kChild = 1u << 31;  // the rest is the child's first cell
  class Nodes;
  class Growth;

  Lpm(std::vector<LpmEntry> entries, uint32_t default_value);
  void set_root(uint32_t first_cell);
  static size_t nodes_needed(std::span<const LpmEntry> entries);
  static size_t index_at(const LpmEntry& entry, size_t bit) noexcept;

  static uint32_t bits_at(const uint8_t* address, size_t bit) noexcept {
    const uint32_t byte = address[bit / 8];
    if constexpr (kStride == 8) return byte;
    return bit % 8 == 0 ? byte >> 4 : byte & 0xf;
  }

  const uint32_t* root_ = nullptr;
  const uint32_t* cells_ = nullptr;  // of `nodes_`
  std::shared_ptr<Nodes> nodes_;
  std::vector<LpmEntry> entries_;
  uint32_t default_value_ = 0;
};

extern template class Lpm<Family::kIpv4>;
extern template class Lpm<Family::kIpv6>;

}  // namespace sluice::dataplane

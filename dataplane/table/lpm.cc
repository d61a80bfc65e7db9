// SPDX-License-Identifier: Apache-2.0
//
// Building of the prefix trie: node by node, each from the entries below it; where those did not
// change, the node of the trie before stands for it.
#include "dataplane/table/lpm.h"

#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <mutex>
#include <new>
#include <utility>

namespace sluice::dataplane {
namespace {

constexpr size_t kHugePageBytes = size_t{2} << 20;

// How many bits from the first on two addresses of one family have in common.
size_t equal_bits(const IpAddress& a, const IpAddress& b) {
  const auto [x, y] = std::ranges::mismatch(a.bytes(), b.bytes());
  const auto bytes = static_cast<size_t>(x - a.bytes().begin());
  if (x == a.bytes().end()) return a.bit_count();
  return bytes * 8 + static_cast<size_t>(std::countl_zero(static_cast<uint8_t>(*x ^ *y)));
}

}  // namespace

// The nodes of tries that share them. Their number only grows, and they never move: readers of one
// trie do not notice that another one is grown.
template <Family F>
class Lpm<F>::Nodes {
 public:
  // On huge pages where the kernel has them: a large trie is built and looked up in a fraction of
  // the time.
  explicit Nodes(size_t capacity) : capacity_(capacity) {
    const size_t pages = (capacity * sizeof(uint32_t) + kHugePageBytes - 1) / kHugePageBytes;
    const size_t bytes = pages * kHugePageBytes;
    cells_.reset(static_cast<uint32_t*>(std::aligned_alloc(kHugePageBytes, bytes)));
    if (cells_ == nullptr) throw std::bad_alloc();
    madvise(cells_.get(), bytes, MADV_HUGEPAGE);
  }

  size_t size() const { return size_; }
  bool has_room_for(size_t count) const { return size_ + count <= capacity_; }
  uint32_t* cells() { return cells_.get(); }
  // `count` more cells with a value; the first one's position.
  size_t add(size_t count, uint32_t value) {
    std::fill_n(cells_.get() + size_, count, value);
    return std::exchange(size_, size_ + count);
  }

  std::mutex growing;

 private:
  struct Free {
    void operator()(uint32_t* cells) const { std::free(cells); }
  };
  std::unique_ptr<uint32_t[], Free> cells_;
  size_t size_ = 0;
  size_t capacity_;
};

// Adds the nodes of one trie.
template <Family F>
class Lpm<F>::Growth {
 public:
  explicit Growth(Nodes& nodes) : nodes_(nodes) {}

  // What one cell is made from: the entries below it that are longer than its bits, and the value
  // where none of them matches.
  struct Part {
    std::span<const LpmEntry> entries;
    uint32_t value = 0;
    uint32_t cell = 0;  // what was made from it; not yet known in the trie that grows
  };
  static constexpr Part kNothing{.entries = {}, .value = UINT32_MAX, .cell = UINT32_MAX};

  // The first cell of a new node for the `bits` bits behind `depth`; `before` is what was there.
  // Errors: what `is_full` says.
  uint32_t add_node(const Part& now, const Part& before, size_t depth, size_t bits) {
    const size_t size = size_t{1} << bits;
    is_full_ = is_full_ || !nodes_.has_room_for(size);
    if (is_full_) return 0;
    const size_t node = nodes_.add(size, now.value);
    const std::span<uint32_t> cells(nodes_.cells() + node, size);

    const bool was_node = (before.cell & kChild) != 0 && before.cell != kNothing.cell;
    std::vector<uint32_t> values_before(was_node ? size : 0, before.value);
    Groups groups(now.entries, cells, depth, bits);
    Groups groups_before(before.entries, values_before, depth, bits);
    while (groups.next()) {
      const size_t index = groups.index();
      uint32_t& cell = cells[index];
      Part part_before{.entries = {}, .value = before.value, .cell = before.cell};
      if (was_node) {
        part_before = {.entries = groups_before.entries_at(index),
                       .value = values_before[index],
                       .cell = nodes_.cells()[(before.cell & ~kChild) + index]};
      }
      cell = cell_of({.entries = groups.entries(), .value = cell}, part_before, depth + bits);
    }
    return static_cast<uint32_t>(node);
  }

  bool is_full() const { return is_full_; }

 private:
  // A node's entries in order, cell by cell. Those that are no longer than its bits give their
  // value to all cells that they cover; they come before the longer ones in these cells.
  class Groups {
   public:
    Groups(std::span<const LpmEntry> entries, std::span<uint32_t> values, size_t depth, size_t bits)
        : rest_(entries), values_(values), depth_(depth), bits_(bits) {}

    // Goes on to the next cell with longer entries.
    bool next() {
      for (; !rest_.empty(); rest_ = rest_.subspan(1)) {
        const LpmEntry& entry = rest_.front();
        index_ = index_at(entry, depth_);
        if (entry.prefix.length() > depth_ + bits_) break;
        const size_t width = size_t{1} << (depth_ + bits_ - entry.prefix.length());
        std::ranges::fill(values_.subspan(index_, width), entry.value);
      }
      const auto end = std::ranges::find_if(
          rest_, [&](const LpmEntry& entry) { return index_at(entry, depth_) != index_; });
      const auto count = static_cast<size_t>(end - rest_.begin());
      group_ = rest_.first(count);
      rest_ = rest_.subspan(count);
      return !group_.empty();
    }
    size_t index() const { return index_; }
    std::span<const LpmEntry> entries() const { return group_; }

    // The longer entries in a cell, none perhaps.  Shape: `index` grows from call to call.
    std::span<const LpmEntry> entries_at(size_t index) {
      while (!is_at_end_ && (group_.empty() || index_ < index))
        is_at_end_ = !next();
      return is_at_end_ || index_ != index ? std::span<const LpmEntry>() : group_;
    }

   private:
    std::span<const LpmEntry> rest_;
    std::span<uint32_t> values_;
    size_t depth_;
    size_t bits_;
    std::span<const LpmEntry> group_;
    size_t index_ = 0;
    bool is_at_end_ = false;
  };

  uint32_t cell_of(const Part& now, const Part& before, size_t depth) {
    if (now.value == before.value && std::ranges::equal(now.entries, before.entries)) {
      return before.cell;
    }
    return kChild | add_node(now, before, depth, kStride);
  }

  Nodes& nodes_;
  bool is_full_ = false;
};

template <Family F>
Lpm<F>::Lpm(std::vector<LpmEntry> entries, uint32_t default_value)
    : entries_(std::move(entries)), default_value_(default_value) {
  std::erase_if(entries_,
                [](const LpmEntry& entry) { return entry.prefix.address().family() != F; });
  const auto by_prefix = [](const LpmEntry& a, const LpmEntry& b) { return a.prefix < b.prefix; };
  if (!std::is_sorted(entries_.begin(), entries_.end(), by_prefix)) {
    std::stable_sort(entries_.begin(), entries_.end(), by_prefix);
  }
  // Of equal prefixes the last one stays: the first one from behind.
  const auto first =
      std::unique(entries_.rbegin(), entries_.rend(),
                  [](const LpmEntry& a, const LpmEntry& b) { return a.prefix == b.prefix; });
  entries_.erase(entries_.begin(), first.base());
}

template <Family F>
size_t Lpm<F>::index_at(const LpmEntry& entry, size_t bit) noexcept {
  const uint8_t* address = entry.prefix.address().bytes().data();
  return bit == 0 ? size_t{address[0]} << 8 | address[1] : bits_at(address, bit);
}

// How many nodes below the root the trie of these entries has. An entry needs one at each depth
// that it is longer than; what it shares of them with any entry it shares with the one before it.
template <Family F>
size_t Lpm<F>::nodes_needed(std::span<const LpmEntry> entries) {
  size_t nodes = 0;
  size_t shared_depth = 0;  // nodes above it are there already
  for (size_t i = 0; i < entries.size(); ++i) {
    const IpPrefix& prefix = entries[i].prefix;
    for (size_t depth = kRootBits; depth < prefix.length(); depth += kStride)
      nodes += depth >= shared_depth ? 1 : 0;
    if (i + 1 == entries.size()) break;
    const size_t equal = equal_bits(prefix.address(), entries[i + 1].prefix.address());
    shared_depth = std::min<size_t>(equal + 1, prefix.length());
  }
  return nodes;
}

template <Family F>
Lpm<F> Lpm<F>::build(std::vector<LpmEntry> entries, uint32_t default_value) {
  Lpm lpm(std::move(entries), default_value);
  // Room for changes: half as much again, and the roots of the tries to come. What they no longer
  // need is not given back, so when the room is used up it is time to build anew.
  const size_t below_root = nodes_needed(lpm.entries_) << kStride;
  lpm.nodes_ = std::make_shared<Nodes>(below_root + below_root / 2 + kRootsMax * kRootCells);
  Growth growth(*lpm.nodes_);
  lpm.set_root(growth.add_node({lpm.entries_, default_value}, Growth::kNothing, 0, kRootBits));
  return lpm;
}

template <Family F>
Lpm<F> Lpm<F>::updated(std::vector<LpmEntry> entries) const {
  Lpm lpm(std::move(entries), default_value_);
  {
    const std::lock_guard lock(nodes_->growing);
    Growth growth(*nodes_);
    const auto root = kChild | static_cast<uint32_t>(root_ - cells_);
    const uint32_t new_root = growth.add_node({lpm.entries_, default_value_},
                                              {entries_, default_value_, root}, 0, kRootBits);
    if (!growth.is_full()) {
      lpm.nodes_ = nodes_;
      lpm.set_root(new_root);
      return lpm;
    }
  }
  return build(std::move(lpm.entries_), default_value_);
}

template <Family F>
void Lpm<F>::set_root(uint32_t first_cell) {
  cells_ = nodes_->cells();
  root_ = cells_ + first_cell;
}

template <Family F>
size_t Lpm<F>::memory_bytes() const {
  const std::lock_guard lock(nodes_->growing);
  return nodes_->size() * sizeof(uint32_t) + entries_.size() * sizeof(LpmEntry);
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

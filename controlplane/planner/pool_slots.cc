// SPDX-License-Identifier: Apache-2.0
//
// How much of a pool's clients a change of its backends moves.
#include "controlplane/planner/pool_slots.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <vector>

#include "dataplane/maglev/maglev_table.h"

namespace sluice::controlplane {
namespace {

using dataplane::HashKey;
using dataplane::MaglevMember;
using dataplane::MaglevTable;

MaglevTable slots_of(const v1::PoolEntry& pool, const HashKey& key) {
  std::vector<MaglevMember> members;
  for (const v1::BackendEntry& backend : pool.backends())
    members.push_back({backend.name(), backend.weight()});
  return MaglevTable::build(members, pool.table_slots(), key);
}

bool same_backends(const v1::PoolEntry& a, const v1::PoolEntry& b) {
  return a.table_slots() == b.table_slots() &&
         std::equal(a.backends().begin(), a.backends().end(), b.backends().begin(),
                    b.backends().end(), [](const auto& one, const auto& other) {
                      return one.name() == other.name() && one.address() == other.address() &&
                             one.weight() == other.weight();
                    });
}

// By position in `before`: the same backend's position in `after`, or none.
std::vector<uint32_t> successors(const v1::PoolEntry& before, const v1::PoolEntry& after) {
  std::unordered_map<std::string_view, uint32_t> places;
  for (int i = 0; i < after.backends_size(); ++i)
    places.emplace(after.backends(i).name(), static_cast<uint32_t>(i));
  std::vector<uint32_t> same;
  for (const v1::BackendEntry& backend : before.backends()) {
    const auto place = places.find(backend.name());
    const bool stays =
        place != places.end() &&
        after.backends(static_cast<int>(place->second)).address() == backend.address();
    same.push_back(stays ? place->second : MaglevTable::kNoMember);
  }
  return same;
}

}  // namespace

double moved_in_pool(const v1::PoolEntry& before, const v1::PoolEntry& after, const HashKey& key) {
  if (same_backends(before, after)) return 0;
  const MaglevTable old = slots_of(before, key);
  const MaglevTable current = slots_of(after, key);
  const std::vector<uint32_t> same = successors(before, after);
  // Slot i of n holds the hashes in [i/n, (i+1)/n): both tables' borders, in units of 1/(n·m).
  const uint64_t old_width = current.slot_count();
  const uint64_t current_width = old.slot_count();
  const uint64_t whole = old_width * current_width;
  uint64_t moved = 0;
  for (uint64_t at = 0; at < whole;) {
    const uint64_t old_slot = at / old_width;
    const uint64_t current_slot = at / current_width;
    const uint64_t end = std::min((old_slot + 1) * old_width, (current_slot + 1) * current_width);
    const uint32_t was = old.owner(static_cast<uint32_t>(old_slot));
    const uint32_t is = current.owner(static_cast<uint32_t>(current_slot));
    const uint32_t stays = was == MaglevTable::kNoMember ? was : same[was];
    const bool neither = was == MaglevTable::kNoMember && is == MaglevTable::kNoMember;
    if (!neither && (stays != is || stays == MaglevTable::kNoMember)) moved += end - at;
    at = end;
  }
  return static_cast<double>(moved) / static_cast<double>(whole);
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Which clients change their class when a policy changes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "controlplane/policy/client_sets.h"

namespace sluice::controlplane {

// Some clients are in this set before and in that one after.
struct ClassPair {
  size_t before = 0;  // position in the sets; likewise the next
  size_t after = 0;
  uint64_t prefixes = 0;  // of either policy that have these clients; 0 for those of no prefix
};

// Sorted by `after`, then `before`; always holds the pair of clients of no class. Exact, because a
// client's set changes at a prefix of one of the two policies only.
std::vector<ClassPair> class_pairs(const ClientSets& before, const ClientSets& after);

// The same for clients that all stay where they are. Cost: none per prefix.
std::vector<ClassPair> same_pairs(const ClientSets& clients);

}  // namespace sluice::controlplane

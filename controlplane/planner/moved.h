// SPDX-License-Identifier: Apache-2.0
//
// Whom a new table moves: the part of the clients whose new flows go elsewhere.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "sluice/v1/control.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// Clients of class `before` that are of class `after` now, as so many parts of all of `after`.
struct ClassShare {
  std::string before;
  std::string after;
  uint64_t parts = 0;
};

// Where some move, by service and class, every pool and backend serving. Both tables are canonical.
// Exact by the buckets of the splits, the thresholds of the rollouts and the slots of the pools,
// which are independent hashes of a client; with these approximations: clients of a class that
// comes from several are weighed by `parts`; routes with conditions count as if all flows met those
// under which most move; another affinity or steering key moves everybody; drains are not seen.
// Cost: a sticky split per route that differs, a Maglev table per pool that differs.
std::vector<v1::MovedClients> moved_clients(const v1::ForwardingTable& before,
                                            const v1::ForwardingTable& after,
                                            std::span<const ClassShare> classes);

// Pools that some route gave new flows, weight and rollouts considered, and none does any more;
// sorted.
std::vector<std::string> emptied_pools(const v1::ForwardingTable& before,
                                       const v1::ForwardingTable& after);

}  // namespace sluice::controlplane

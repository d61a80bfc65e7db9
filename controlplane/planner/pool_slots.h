// SPDX-License-Identifier: Apache-2.0
//
// How much of a pool's clients a change of its backends moves.
#pragma once

#include "dataplane/net/keyed_hash.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// The part of the clients of the pool, 0..1, whose slot belongs to another backend: another name or
// another address. Exact, also between tables of different sizes. A pool without slots has no
// clients, so that nobody moves between two such.
double moved_in_pool(const v1::PoolEntry& before, const v1::PoolEntry& after,
                     const dataplane::HashKey& key);

}  // namespace sluice::controlplane

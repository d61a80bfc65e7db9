// SPDX-License-Identifier: Apache-2.0
//
// Random forwarding tables, states and packets, reproducible from a seed.
#pragma once

#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "dataplane/table/snapshot.h"
#include "sluice/v1/dataplane.pb.h"
#include "sluice/v1/table.pb.h"
#include "tests/support/model/model.h"

namespace sluice::dataplane {

using Random = std::mt19937_64;

struct RandomWorld {
  v1::ForwardingTable table;  // without violations, canonical
  ProbedStates probed;
  int64_t now_unix_ms = 0;
  NodeCondition node;
};

// Few or many classes with nested prefixes, services of both families with any-port services among
// them, pools with weights of zero and min_up above one, routes with fallbacks,
// rollouts and conditions, drains, pools and backends past eligible_until.
RandomWorld random_world(uint64_t seed);

// A packet to one of the table's addresses or near it, from a client near its prefixes.
v1::ExplainRequest random_tuple(const v1::ForwardingTable& table, Random& random);

// What a daemon would know of the backends of `table`, built from the world's message; next hops
// are resolved.
std::vector<BackendCondition> conditions_of(const RandomWorld& world, const Table& table);

}  // namespace sluice::dataplane

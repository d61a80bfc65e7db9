// SPDX-License-Identifier: Apache-2.0
//
// The entries of a forwarding table by name, with the splits that their routes give.
#pragma once

#include <map>
#include <string_view>
#include <unordered_map>

#include "dataplane/maglev/sticky_split.h"
#include "dataplane/net/keyed_hash.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// Refers to the table, which outlives it.
class TableIndex {
 public:
  explicit TableIndex(const v1::ForwardingTable& table);

  // Null when there is none; the empty name is none's.
  const v1::RouteEntry* route(std::string_view name) const;
  const v1::PoolEntry* pool(std::string_view name) const;
  // Unspecified for a service that there is not.
  v1::Affinity affinity(std::string_view service) const;
  const dataplane::HashKey& key() const { return key_; }

  // Positions are those of the route's split. Made once per route.
  const dataplane::StickySplit& split(const v1::RouteEntry& route);

 private:
  dataplane::HashKey key_;
  std::unordered_map<std::string_view, const v1::RouteEntry*> routes_;  // names are the table's
  std::unordered_map<std::string_view, const v1::PoolEntry*> pools_;
  std::unordered_map<std::string_view, v1::Affinity> affinities_;
  std::map<const v1::RouteEntry*, dataplane::StickySplit> splits_;
};

// Whether the two give the same pools to the same clients: seed, weights and rollouts. Either may
// be null.
bool divide_alike(const v1::RouteEntry* a, const v1::RouteEntry* b);

}  // namespace sluice::controlplane

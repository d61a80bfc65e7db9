// SPDX-License-Identifier: Apache-2.0
//
// The smallest tables that the daemon's tests need.
#pragma once

#include <string>
#include <vector>

#include "dataplane/net/ip_address.h"
#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

struct SmallBackend {
  std::string name;
  std::string address;
};

// Service `chat` on 203.0.113.10 tcp/80, whose only route sends everybody to pool `chat-v1`.
v1::ForwardingTable small_table(uint64_t generation, const std::vector<SmallBackend>& backends);
// Adds a TCP health check to the pool.
void add_health(v1::ForwardingTable& table);
void add_override(v1::ForwardingTable& table, const std::string& backend,
                  v1::Override::State state);

}  // namespace sluice::dataplane

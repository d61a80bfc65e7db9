// SPDX-License-Identifier: Apache-2.0
//
// The forwarding table of packet tests: the client's address decides what happens.
#pragma once

#include <string_view>

#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

// Services on 203.0.113.10 and 2001:db8:f::10: `chat` tcp/80 and udp/443 (reject: reset), `strict`
// tcp/81 and udp/81 (prohibit), `quiet` tcp/82 (drop); `any` has every TCP port of 203.0.113.20.
// Clients by source: 198.51.100.0/24 and 2001:db8:1::/48 go to pool `four`, 192.0.2.0/24 and
// 2001:db8:2::/48 to `six`, 198.18.3.0/24 and 2001:db8:3::/48 to `direct` (layer 2), 198.18.4.0/24
// and 2001:db8:4::/48 to `empty`, whose one backend tests leave down; all others have no route.
// `four` falls back to `spare`.
v1::ForwardingTable packet_test_table();

// Half of the stable pool's clients go to the candidate; their flows, and those of the other half,
// are observed for three seconds.  Shape: rollouts are added in the order of their stable pools.
v1::RolloutSplit& add_rollout(v1::ForwardingTable& table, std::string_view route,
                              std::string_view stable, std::string_view candidate);

v1::PoolEntry& pool_of(v1::ForwardingTable& table, std::string_view name);
v1::SteeringEntry& steering_of(v1::ForwardingTable& table, std::string_view service,
                               std::string_view client_class);

}  // namespace sluice::dataplane

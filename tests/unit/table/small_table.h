// SPDX-License-Identifier: Apache-2.0
//
// The policy of the documentation as a forwarding table, for tests to change.
#pragma once

#include <string>

#include "dataplane/net/ip_address.h"
#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

inline std::string address_bytes(const char* text) {
  return IpAddress::parse(text)->to_bytes();
}

inline std::string prefix_bytes(const char* text) {
  const IpPrefix prefix = *IpPrefix::parse(text);
  return prefix.address().to_bytes() + static_cast<char>(prefix.length());
}

inline v1::PoolEntry pool_entry(const std::string& name,
                                std::initializer_list<const char*> addresses) {
  v1::PoolEntry pool;
  pool.set_name(name);
  (*pool.mutable_labels())["version"] = name;
  pool.set_forwarding(v1::FORWARDING_IPIP);
  pool.set_table_slots(1009);
  pool.set_min_up(1);
  for (const char* address : addresses) {
    v1::BackendEntry& backend = *pool.add_backends();
    backend.set_name(name + "-" +
                     std::string(1, static_cast<char>('a' + pool.backends_size() - 1)));
    backend.set_address(address_bytes(address));
    backend.set_weight(100);
  }
  return pool;
}

inline v1::SteeringEntry steering_entry(const char* client_class, const char* route,
                                        std::initializer_list<const char*> eligible) {
  v1::SteeringEntry entry;
  entry.set_service("chat");
  entry.set_client_class(client_class);
  entry.set_route(route);
  for (const char* pool : eligible)
    entry.add_eligible_pools(pool);
  return entry;
}

// A rollout of the first route, named after its candidate.
inline v1::RolloutSplit& add_rollout(v1::ForwardingTable& table, const char* stable,
                                     const char* candidate, uint32_t weight) {
  v1::RolloutSplit& rollout = *table.mutable_routes(0)->add_rollouts();
  rollout.set_stable(stable);
  rollout.set_candidate(candidate);
  rollout.set_weight(weight);
  rollout.set_seed(std::string("to-") + candidate);
  return rollout;
}

// Service chat; classes eu, unknown, us; pools v1 (two backends), v2, v2-us; eu is split 90/10 over
// v1 and v2 with both as fallbacks; us goes to v2-us; unknown has no route.
inline v1::ForwardingTable small_table() {
  v1::ForwardingTable table;
  table.set_generation(3);
  table.set_revision(2);
  table.set_steering_key("0123456789abcdef");
  table.set_eligibility_epoch(1);
  v1::ClientClassEntry& eu = *table.add_client_classes();
  eu.set_name("eu");
  (*eu.mutable_labels())["region"] = "eu";
  eu.add_prefixes(prefix_bytes("198.51.100.0/24"));
  eu.add_prefixes(prefix_bytes("2001:db8:e::/48"));
  table.add_client_classes()->set_name("unknown");
  v1::ClientClassEntry& us = *table.add_client_classes();
  us.set_name("us");
  us.add_prefixes(prefix_bytes("192.0.2.0/24"));

  v1::ServiceEntry& chat = *table.add_services();
  chat.set_name("chat");
  chat.add_addresses(address_bytes("203.0.113.10"));
  chat.add_addresses(address_bytes("2001:db8:f::10"));
  chat.add_ports()->set_protocol(6);
  chat.mutable_ports(0)->set_port(80);
  chat.set_affinity(v1::AFFINITY_CLIENT);
  chat.set_reject(v1::REJECT_RESET);
  chat.mutable_tcp_idle()->set_seconds(900);

  *table.add_pools() = pool_entry("v1", {"10.77.1.11", "10.77.1.12"});
  *table.add_pools() = pool_entry("v2", {"10.77.1.21"});
  *table.add_pools() = pool_entry("v2-us", {"10.77.1.31"});

  v1::RouteEntry& to_eu = *table.add_routes();
  to_eu.set_name("chat-eu");
  to_eu.set_service("chat");
  to_eu.set_split_seed("chat-eu");
  to_eu.add_split()->set_pool("v1");
  to_eu.mutable_split(0)->set_weight(90);
  to_eu.add_split()->set_pool("v2");
  to_eu.mutable_split(1)->set_weight(10);
  to_eu.add_fallback("v2");
  to_eu.add_fallback("v1");
  v1::RouteEntry& to_us = *table.add_routes();
  to_us.set_name("chat-us");
  to_us.set_service("chat");
  to_us.set_split_seed("chat-us");
  to_us.add_split()->set_pool("v2-us");
  to_us.mutable_split(0)->set_weight(1);

  *table.add_steering() = steering_entry("eu", "chat-eu", {"v1", "v2"});
  *table.add_steering() = steering_entry("unknown", "", {});
  *table.add_steering() = steering_entry("us", "chat-us", {"v2", "v2-us"});
  return table;
}

}  // namespace sluice::dataplane

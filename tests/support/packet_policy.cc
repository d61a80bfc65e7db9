// SPDX-License-Identifier: Apache-2.0
//
// The table that packet tests run on.
#include "tests/support/packet_policy.h"

#include <cstdlib>
#include <string>
#include <vector>

#include "dataplane/net/flow_key.h"
#include "dataplane/net/ip_address.h"

namespace sluice::dataplane {

namespace {

constexpr const char* kPools[] = {"direct", "empty", "four", "six"};
constexpr uint32_t kSlots = 251;

std::string address_bytes(std::string_view text) {
  const auto address = IpAddress::parse(text);
  if (!address) std::abort();
  return address->to_bytes();
}

void add_class(v1::ForwardingTable& table, const std::string& name,
               const std::vector<std::string>& prefixes) {
  v1::ClientClassEntry& entry = *table.add_client_classes();
  entry.set_name(name);
  (*entry.mutable_labels())["to"] = name;
  for (const std::string& text : prefixes) {
    const auto prefix = IpPrefix::parse(text);
    if (!prefix) std::abort();
    entry.add_prefixes(prefix->address().to_bytes() + static_cast<char>(prefix->length()));
  }
}

void add_pool(v1::ForwardingTable& table, const std::string& name, v1::Forwarding forwarding,
              const std::vector<std::string>& addresses) {
  v1::PoolEntry& pool = *table.add_pools();
  pool.set_name(name);
  pool.set_forwarding(forwarding);
  pool.set_table_slots(kSlots);
  pool.set_min_up(1);
  for (const std::string& address : addresses) {
    v1::BackendEntry& backend = *pool.add_backends();
    backend.set_name(name + "-" + static_cast<char>('a' + pool.backends_size() - 1));
    backend.set_address(address_bytes(address));
    backend.set_weight(1);
  }
}

void add_service(v1::ForwardingTable& table, const std::string& name, v1::Reject reject,
                 const std::vector<std::string>& addresses,
                 const std::vector<std::pair<uint32_t, uint32_t>>& ports) {
  v1::ServiceEntry& service = *table.add_services();
  service.set_name(name);
  service.set_affinity(v1::AFFINITY_FLOW);
  service.set_reject(reject);
  for (const std::string& address : addresses)
    service.add_addresses(address_bytes(address));
  for (const auto& [protocol, port] : ports) {
    service.add_ports()->set_protocol(protocol);
    service.mutable_ports()->rbegin()->set_port(port);
  }
}

void add_route(v1::ForwardingTable& table, const std::string& service, const std::string& pool) {
  v1::RouteEntry& route = *table.add_routes();
  route.set_name(service + "-" + pool);
  route.set_service(service);
  route.set_split_seed(route.name());
  v1::RouteSplit& split = *route.add_split();
  split.set_pool(pool);
  split.set_weight(1);
  if (pool == "four") route.add_fallback("spare");

  v1::SteeringEntry& steering = *table.add_steering();
  steering.set_service(service);
  steering.set_client_class(pool);
  steering.set_route(route.name());
  steering.add_eligible_pools(pool);
  if (pool == "four") steering.add_eligible_pools("spare");
}

}  // namespace

v1::ForwardingTable packet_test_table() {
  v1::ForwardingTable table;
  table.set_generation(1);
  table.set_revision(1);
  table.set_steering_key("0123456789abcdef");
  table.set_eligibility_epoch(1);

  add_class(table, "direct", {"198.18.3.0/24", "2001:db8:3::/48"});
  add_class(table, "empty", {"198.18.4.0/24", "2001:db8:4::/48"});
  add_class(table, "four", {"198.51.100.0/24", "2001:db8:1::/48"});
  add_class(table, "six", {"192.0.2.0/24", "2001:db8:2::/48"});
  add_class(table, "unknown", {});

  const std::vector<std::string> addresses = {"203.0.113.10", "2001:db8:f::10"};
  add_service(table, "any", v1::REJECT_RESET, {"203.0.113.20"}, {{kProtocolTcp, 0}});
  add_service(table, "chat", v1::REJECT_RESET, addresses,
              {{kProtocolTcp, 80}, {kProtocolUdp, 443}});
  add_service(table, "quiet", v1::REJECT_DROP, addresses, {{kProtocolTcp, 82}});
  add_service(table, "strict", v1::REJECT_PROHIBIT, addresses,
              {{kProtocolTcp, 81}, {kProtocolUdp, 81}});

  add_pool(table, "direct", v1::FORWARDING_L2, {"10.77.1.31"});
  add_pool(table, "empty", v1::FORWARDING_IPIP, {"10.77.1.41"});
  add_pool(table, "four", v1::FORWARDING_IPIP, {"10.77.1.11", "10.77.1.12", "10.77.1.13"});
  add_pool(table, "six", v1::FORWARDING_IPIP, {"fd77:1::21"});
  add_pool(table, "spare", v1::FORWARDING_IPIP, {"10.77.1.51"});

  for (const char* service : {"any", "chat", "quiet", "strict"}) {
    for (const char* pool : kPools)
      add_route(table, service, pool);
    v1::SteeringEntry& unknown = *table.add_steering();
    unknown.set_service(service);
    unknown.set_client_class("unknown");
  }
  return table;
}

v1::RolloutSplit& add_rollout(v1::ForwardingTable& table, std::string_view route,
                              std::string_view stable, std::string_view candidate) {
  for (v1::RouteEntry& entry : *table.mutable_routes()) {
    if (entry.name() != route) continue;
    v1::RolloutSplit& rollout = *entry.add_rollouts();
    rollout.set_stable(std::string(stable));
    rollout.set_candidate(std::string(candidate));
    rollout.set_weight(500'000);
    rollout.set_seed("rollout-of-" + std::string(route));
    rollout.set_observe_age_ms(3000);
    return rollout;
  }
  std::abort();
}

v1::PoolEntry& pool_of(v1::ForwardingTable& table, std::string_view name) {
  for (v1::PoolEntry& pool : *table.mutable_pools()) {
    if (pool.name() == name) return pool;
  }
  std::abort();
}

v1::SteeringEntry& steering_of(v1::ForwardingTable& table, std::string_view service,
                               std::string_view client_class) {
  for (v1::SteeringEntry& entry : *table.mutable_steering()) {
    if (entry.service() == service && entry.client_class() == client_class) return entry;
  }
  std::abort();
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Makes small tables.
#include "tests/unit/dataplane_daemon/small_table.h"

namespace sluice::dataplane {

v1::ForwardingTable small_table(uint64_t generation, const std::vector<SmallBackend>& backends) {
  v1::ForwardingTable table;
  table.set_generation(generation);
  table.set_revision(generation);
  table.set_steering_key("0123456789abcdef");
  table.set_eligibility_epoch(1);
  table.add_client_classes()->set_name("unknown");

  v1::ServiceEntry& service = *table.add_services();
  service.set_name("chat");
  service.add_addresses(IpAddress::parse("203.0.113.10")->to_bytes());
  service.add_ports()->set_protocol(6);
  service.mutable_ports(0)->set_port(80);
  service.set_affinity(v1::AFFINITY_FLOW);
  service.set_reject(v1::REJECT_RESET);

  v1::PoolEntry& pool = *table.add_pools();
  pool.set_name("chat-v1");
  pool.set_forwarding(v1::FORWARDING_IPIP);
  pool.set_table_slots(251);
  pool.set_min_up(1);
  for (const SmallBackend& backend : backends) {
    v1::BackendEntry& entry = *pool.add_backends();
    entry.set_name(backend.name);
    entry.set_address(IpAddress::parse(backend.address)->to_bytes());
    entry.set_weight(1);
  }

  v1::RouteEntry& route = *table.add_routes();
  route.set_name("all");
  route.set_service("chat");
  route.set_split_seed("all");
  route.add_split()->set_pool("chat-v1");
  route.mutable_split(0)->set_weight(1);

  v1::SteeringEntry& steering = *table.add_steering();
  steering.set_service("chat");
  steering.set_client_class("unknown");
  steering.set_route("all");
  steering.add_eligible_pools("chat-v1");
  return table;
}

void add_health(v1::ForwardingTable& table) {
  v1::HealthCheck& health = *table.mutable_pools(0)->mutable_health();
  health.mutable_interval()->set_seconds(1);
  health.mutable_fast_interval()->set_nanos(200'000'000);
  health.mutable_timeout()->set_nanos(300'000'000);
  health.set_rise(2);
  health.set_fall(3);
  health.mutable_tcp()->set_port(80);
}

void add_override(v1::ForwardingTable& table, const std::string& backend,
                  v1::Override::State state) {
  v1::Override& entry = *table.add_overrides();
  entry.set_pool("chat-v1");
  entry.set_backend(backend);
  entry.set_state(state);
}

}  // namespace sluice::dataplane

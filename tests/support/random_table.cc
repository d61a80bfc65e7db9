// SPDX-License-Identifier: Apache-2.0
//
// Drawing of tables. Addresses come from small sets, so that prefixes nest and packets hit.
#include "tests/support/random_table.h"

#include <algorithm>
#include <set>
#include <string>

namespace sluice::dataplane {
namespace {

constexpr int64_t kNowUnixMs = 1'800'000'000'000;

uint32_t below(Random& random, uint32_t limit) {
  return static_cast<uint32_t>(random() % limit);
}
bool one_in(Random& random, uint32_t n) {
  return below(random, n) == 0;
}

std::string client_address(Random& random) {
  std::string bytes;
  if (one_in(random, 2)) {
    bytes = std::string("\x0a\x00\x00\x00", 4);
  } else {
    bytes = std::string("\x20\x01\x0d\xb8", 4) + std::string(12, '\0');
    bytes[7] = static_cast<char>(below(random, 3));
    bytes[15] = static_cast<char>(below(random, 256));
  }
  bytes[1] = static_cast<char>(static_cast<uint8_t>(bytes[1]) + below(random, 2));
  bytes[2] = static_cast<char>(static_cast<uint8_t>(bytes[2]) ^ below(random, 4) * 0x40);
  bytes[3] = static_cast<char>(below(random, 256));
  return bytes;
}

class Drawing {
 public:
  explicit Drawing(uint64_t seed) : random_(seed) {}

  RandomWorld draw() {
    v1::ForwardingTable& table = world_.table;
    world_.now_unix_ms = kNowUnixMs + below(random_, 7 * 86400) * int64_t{1000};
    table.set_generation(1 + below(random_, 1000));
    table.set_revision(1 + below(random_, 1000));
    table.set_eligibility_epoch(1 + below(random_, 10));
    for (int i = 0; i < 16; ++i)
      table.mutable_steering_key()->push_back(static_cast<char>(random_()));
    add_classes();
    add_services();
    add_pools();
    add_routes();
    add_steering();
    add_overrides();
    return std::move(world_);
  }

 private:
  void add_classes() {
    world_.table.add_client_classes()->set_name("unknown");
    std::set<std::string> used;
    const uint32_t count = one_in(random_, 4) ? 20 : below(random_, 5);
    for (uint32_t i = 0; i < count; ++i) {
      v1::ClientClassEntry& entry = *world_.table.add_client_classes();
      entry.set_name("class-" + std::to_string(i));
      (*entry.mutable_labels())["region"] = "r" + std::to_string(below(random_, 3));
      for (uint32_t prefixes = 1 + below(random_, 6); prefixes > 0; --prefixes) {
        const IpAddress address = *IpAddress::from_bytes(client_address(random_));
        const auto length = static_cast<uint8_t>(below(random_, address.bit_count() + 1u));
        const IpPrefix prefix = IpPrefix::around(address, length);
        const std::string bytes = prefix.address().to_bytes() + static_cast<char>(length);
        if (used.insert(bytes).second) entry.add_prefixes(bytes);
      }
    }
  }

  void add_services() {
    const uint32_t count = 1 + below(random_, 5);
    for (uint32_t i = 0; i < count; ++i) {
      v1::ServiceEntry& entry = *world_.table.add_services();
      entry.set_name("service-" + std::to_string(i));
      entry.set_affinity(one_in(random_, 2) ? v1::AFFINITY_CLIENT : v1::AFFINITY_FLOW);
      entry.set_reject(static_cast<v1::Reject>(1 + below(random_, 3)));
      add_addresses(i, entry);
      for (const uint32_t protocol : {kProtocolTcp, kProtocolUdp}) {
        for (const uint32_t port : {0u, 53u, 80u, 443u}) {
          if (!one_in(random_, 2)) continue;
          entry.add_ports()->set_protocol(protocol);
          entry.mutable_ports()->rbegin()->set_port(port);
        }
      }
      if (entry.ports().empty()) {
        entry.add_ports()->set_protocol(kProtocolTcp);
        entry.mutable_ports(0)->set_port(80);
      }
    }
  }

  void add_addresses(uint32_t number, v1::ServiceEntry& entry) {
    const bool both = one_in(random_, 2);
    const bool ipv4 = one_in(random_, 2);
    const std::string last(1, static_cast<char>(number));
    if (both || ipv4) entry.add_addresses(std::string("\xcb\x00\x71", 3) + last);
    if (both || !ipv4) {
      entry.add_addresses(std::string("\x20\x01\x0d\xb8", 4) + std::string(11, '\x0f') + last);
    }
  }

  void add_pools() {
    const uint32_t count = 1 + below(random_, 7);
    const uint32_t primes[] = {7, 101, 251, 1009};
    for (uint32_t i = 0; i < count; ++i) {
      v1::PoolEntry& entry = *world_.table.add_pools();
      entry.set_name("pool-" + std::to_string(i));
      (*entry.mutable_labels())["version"] = "v" + std::to_string(i);
      entry.set_forwarding(one_in(random_, 4) ? v1::FORWARDING_L2 : v1::FORWARDING_IPIP);
      entry.set_table_slots(primes[below(random_, 4)]);
      entry.set_min_up(one_in(random_, 3) ? 2 : 1);
      if (one_in(random_, 4)) {
        const int64_t seconds = world_.now_unix_ms / 1000 + (one_in(random_, 2) ? 0 : 1);
        entry.mutable_eligible_until()->set_seconds(seconds);
      }
      for (uint32_t backends = below(random_, 7); backends > 0; --backends)
        add_backend(entry);
    }
  }

  void add_backend(v1::PoolEntry& pool) {
    const BackendState states[] = {BackendState::kUp, BackendState::kUp, BackendState::kDraining,
                                   BackendState::kDown, BackendState::kRecalled};
    const uint32_t number = next_backend_++;
    v1::BackendEntry& entry = *pool.add_backends();
    // Numbered from 100, so that the order by name is the order of drawing.
    entry.set_name("backend-" + std::to_string(100 + number));
    entry.set_weight(one_in(random_, 5) ? 0
                                        : 1 + below(random_, one_in(random_, 3) ? 1'000'000 : 5));
    if (one_in(random_, 3)) (*entry.mutable_labels())["zone"] = "z" + std::to_string(number);
    const std::string last{static_cast<char>(number / 256), static_cast<char>(number % 256)};
    entry.set_address(one_in(random_, 3) ? std::string("\xfd\x77", 2) + std::string(12, '\0') + last
                                         : std::string("\x0a\x4d", 2) + last);
    if (one_in(random_, 8)) {
      entry.mutable_eligible_until()->set_seconds(world_.now_unix_ms / 1000 + below(random_, 2));
    }
    world_.probed[{pool.name(), entry.name()}] =
        calm_ ? BackendState::kUp : states[below(random_, 5)];
  }

  void add_routes() {
    const uint32_t pools = static_cast<uint32_t>(world_.table.pools_size());
    for (const v1::ServiceEntry& service : world_.table.services()) {
      for (uint32_t count = below(random_, 3); count > 0; --count) {
        v1::RouteEntry& entry = *world_.table.add_routes();
        entry.set_name(service.name() + "-route-" + std::to_string(count));
        entry.set_service(service.name());
        entry.set_split_seed("seed-" + std::to_string(below(random_, 3)));
        for (uint32_t pool = 0; pool < pools; ++pool) {
          if (!one_in(random_, 2)) continue;
          v1::RouteSplit& part = *entry.add_split();
          part.set_pool(world_.table.pools(static_cast<int>(pool)).name());
          part.set_weight(one_in(random_, 4) ? 0 : 1 + below(random_, 100));
        }
        if (entry.split().empty()) entry.add_split()->set_pool("pool-0");
        entry.mutable_split()->rbegin()->set_weight(1 + below(random_, 100));
        std::vector<uint32_t> order(pools);
        for (uint32_t i = 0; i < pools; ++i)
          order[i] = i;
        std::shuffle(order.begin(), order.end(), random_);
        for (const uint32_t pool : order) {
          if (!one_in(random_, 3)) continue;
          entry.add_fallback(world_.table.pools(static_cast<int>(pool)).name());
        }
        add_rollouts(entry);
        if (one_in(random_, 3)) add_conditions(entry);
        if (one_in(random_, 3)) degrade(entry);
      }
    }
  }

  void degrade(v1::RouteEntry& route) {
    v1::OnDegraded& bound = *route.mutable_on_degraded();
    bound.set_action(v1::OnDegraded::ACTION_FALLBACK);
    bound.mutable_window()->set_seconds(30);
    bound.set_min_flows(50);
    bound.set_slower_by(100);
    for (const v1::RouteSplit& part : route.split()) {
      if (one_in(random_, 2)) world_.node.degraded.emplace(route.name(), part.pool());
    }
  }

  // The whole week in spans of random lengths, of which every other counts.
  void add_conditions(v1::RouteEntry& route) {
    const bool by_time = one_in(random_, 2);
    for (uint32_t end = below(random_, 5000); by_time && end < 10'080;) {
      const uint32_t begin = end;
      end = std::min(10'080u, begin + 1 + below(random_, 5000));
      route.add_times()->set_begin(begin);
      route.mutable_times()->rbegin()->set_end(end);
      end += 1 + below(random_, 3000);
    }
    for (uint32_t count = by_time ? below(random_, 2) : 1; count > 0; --count)
      route.add_dscp(one_in(random_, 2) ? 46 : 0);
  }

  void add_rollouts(v1::RouteEntry& route) {
    for (const v1::RouteSplit& part : route.split()) {
      const v1::PoolEntry& candidate = world_.table.pools(
          static_cast<int>(below(random_, static_cast<uint32_t>(world_.table.pools_size()))));
      if (candidate.name() == part.pool() || !one_in(random_, 3)) continue;
      v1::RolloutSplit& rollout = *route.add_rollouts();
      rollout.set_stable(part.pool());
      rollout.set_candidate(candidate.name());
      const uint32_t weights[] = {0, 1'000'000, below(random_, 1'000'001)};
      rollout.set_weight(weights[below(random_, 3)]);
      rollout.set_seed(one_in(random_, 4) ? route.split_seed() : "rollout-of-" + part.pool());
    }
  }

  void add_steering() {
    for (const v1::ServiceEntry& service : world_.table.services()) {
      for (const v1::ClientClassEntry& client_class : world_.table.client_classes()) {
        v1::SteeringEntry& entry = *world_.table.add_steering();
        entry.set_service(service.name());
        entry.set_client_class(client_class.name());
        std::set<std::string> eligible;
        for (const v1::RouteEntry& route : world_.table.routes()) {
          if (route.service() != service.name() || one_in(random_, 4)) continue;
          if (route.dscp_size() > 0 || route.times_size() > 0) {
            entry.add_conditional_routes(route.name());
          } else {
            entry.set_route(route.name());
          }
          for (const v1::RouteSplit& part : route.split())
            eligible.insert(part.pool());
          eligible.insert(route.fallback().begin(), route.fallback().end());
          for (const v1::RolloutSplit& rollout : route.rollouts())
            eligible.insert(rollout.candidate());
        }
        for (const std::string& pool : eligible)
          entry.add_eligible_pools(pool);
      }
    }
  }

  void add_overrides() {
    for (const v1::PoolEntry& pool : world_.table.pools()) {
      if (!one_in(random_, 6)) continue;
      v1::Override& entry = *world_.table.add_overrides();
      entry.set_pool(pool.name());
      if (!pool.backends().empty() && one_in(random_, 2)) {
        entry.set_backend(pool.backends(0).name());
      }
      entry.set_state(one_in(random_, 3) ? v1::Override::STATE_RECALLED
                                         : v1::Override::STATE_DRAINING);
    }
  }

  Random random_;
  RandomWorld world_;
  const bool calm_ = one_in(random_, 4);  // every probe succeeds
  uint32_t next_backend_ = 0;
};

}  // namespace

RandomWorld random_world(uint64_t seed) {
  return Drawing(seed).draw();
}

v1::ExplainRequest random_tuple(const v1::ForwardingTable& table, Random& random) {
  const v1::ServiceEntry& service =
      table.services(static_cast<int>(below(random, static_cast<uint32_t>(table.services_size()))));
  std::string destination = service.addresses(
      static_cast<int>(below(random, static_cast<uint32_t>(service.addresses_size()))));
  if (one_in(random, 20)) destination.back() = '\x7f';
  std::string client = client_address(random);
  while (client.size() != destination.size())
    client = client_address(random);
  const uint32_t ports[] = {0, 53, 80, 443, 8080};
  v1::ExplainRequest request;
  request.set_protocol(one_in(random, 2) ? kProtocolTcp : kProtocolUdp);
  request.set_client_address(IpAddress::from_bytes(client)->to_string());
  request.set_client_port(below(random, 65536));
  request.set_service_address(IpAddress::from_bytes(destination)->to_string());
  request.set_service_port(ports[below(random, 5)]);
  request.set_established(one_in(random, 3));
  if (one_in(random, 3)) request.set_dscp(one_in(random, 2) ? 46 : 10);
  return request;
}

std::vector<BackendCondition> conditions_of(const RandomWorld& world, const Table& table) {
  std::vector<BackendCondition> conditions(table.backend_capacity);
  for (const Pool& pool : table.pools) {
    for (const PoolMember& member : pool.members) {
      BackendCondition& condition = conditions[member.id.index()];
      condition.state = effective_state(world.table, world.probed, pool.name, member.name);
      condition.next_hop.resolved = true;
      condition.next_hop.destination_mac = {2, 0, 0, 0, 0, static_cast<uint8_t>(member.id.index())};
      condition.next_hop.source_mac = {2, 0, 0, 0, 1, 0};
      condition.next_hop.source =
          *IpAddress::parse(member.address.is_ipv4() ? "10.77.1.2" : "fd77::2");
    }
  }
  return conditions;
}

}  // namespace sluice::dataplane

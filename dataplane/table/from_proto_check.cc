// SPDX-License-Identifier: Apache-2.0
//
// The checks of a forwarding table, one function per kind of object.
#include "dataplane/table/from_proto_check.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "dataplane/maglev/sticky_split.h"
#include "dataplane/net/flow_key.h"
#include "dataplane/net/ip_address.h"
#include "dataplane/table/from_proto_violations.h"

namespace sluice::dataplane {
namespace {

constexpr uint32_t kWeightMax = 1'000'000;
constexpr uint32_t kSlotsPerBackend =
    100;  // fewer, and shares and disruption get coarse: Maglev, section 5.3
constexpr size_t kMissingRowsShown = 100;

// What a node is asked to hold at most, each about a GB: more would get it killed while it builds.
constexpr uint64_t kSlotsInAllMax = uint64_t{4096} * 65537;
constexpr uint64_t kPrefixesMax = 1'000'000;
constexpr uint64_t kRoutesMax = 16'384;      // a split has 64 KiB
constexpr uint64_t kEndpointsMax = 131'072;  // as many as the steering program: bpf/steer_maps.h
constexpr int64_t kIdleSecondsMax = 30 * 86400;

class Check {
 public:
  Check(const v1::ForwardingTable& message, Prefixes prefixes)
      : message_(message), prefixes_(prefixes) {}

  std::vector<std::string> run() {
    check_size();
    if (!violations_.is_empty()) return violations_.take();
    check_header();
    for (const auto& entry : message_.client_classes())
      check_name("client_classes", entry.name(), classes_);
    if (prefixes_ == Prefixes::kUnproved) check_prefixes();
    if (!classes_.contains("unknown")) add("client_classes", "\"unknown\" is missing");
    for (const auto& entry : message_.services())
      check_service(entry);
    for (const auto& entry : message_.pools())
      check_pool(entry);
    for (const auto& entry : message_.routes())
      check_route(entry);
    check_backends_of_services();
    for (const auto& entry : message_.steering()) {
      if (violations_.is_full()) break;  // every row may be wrong about every pool
      check_steering(entry);
    }
    check_every_row_is_there();
    for (const auto& entry : message_.overrides())
      check_override(entry);
    return violations_.take();
  }

 private:
  using Names = absl::flat_hash_set<absl::string_view>;  // into the message

  template <class... Parts>
  void add(absl::string_view path, const Parts&... what) {
    violations_.add(path, what...);
  }

  // Errors: reports an empty name, or one that `names` has already.
  void check_name(absl::string_view list, const std::string& name, Names& names) {
    if (name.empty()) add(absl::StrCat(list, "[]"), "has no name");
    if (!names.insert(name).second) add(element(list, name), "is there twice");
  }

  static std::string element(absl::string_view list, absl::string_view name) {
    return absl::StrCat(list, "[", name, "]");
  }

  // What lists promise to grow to, before anything is made of them.
  void check_size() {
    uint64_t prefixes = 0, endpoints = 0, slots = 0;
    for (const auto& entry : message_.client_classes())
      prefixes += static_cast<uint64_t>(entry.prefixes_size());
    for (const auto& entry : message_.services()) {
      endpoints +=
          static_cast<uint64_t>(entry.addresses_size()) * static_cast<uint64_t>(entry.ports_size());
    }
    for (const auto& entry : message_.pools())
      slots += std::min(entry.table_slots(), kSlotsMax);
    check_at_most("client_classes", prefixes, kPrefixesMax, "prefixes");
    check_at_most("services", endpoints, kEndpointsMax, "endpoints");
    check_at_most("pools", slots, kSlotsInAllMax, "table_slots");
    check_at_most("routes", static_cast<uint64_t>(message_.routes_size()), kRoutesMax, "routes");
  }

  void check_at_most(absl::string_view list, uint64_t count, uint64_t limit,
                     absl::string_view unit) {
    if (count > limit) add(list, "ask for ", count, " ", unit, " in all, at most ", limit);
  }

  void check_header() {
    if (message_.generation() == 0) add("generation", "is 0, must be at least 1");
    if (message_.revision() == 0) add("revision", "is 0, must be at least 1");
    if (message_.eligibility_epoch() == 0) add("eligibility_epoch", "is 0, must be at least 1");
    if (message_.steering_key().size() != 16) {
      add("steering_key", "has ", message_.steering_key().size(), " bytes, must have 16");
    }
  }

  void check_prefixes() {
    std::vector<std::pair<IpPrefix, absl::string_view>> owners;  // classes by prefix
    for (const v1::ClientClassEntry& entry : message_.client_classes()) {
      const std::string path = element("client_classes", entry.name()) + ".prefixes";
      for (const std::string& bytes : entry.prefixes()) {
        if (const std::optional<IpPrefix> prefix = prefix_of(bytes)) {
          owners.emplace_back(*prefix, entry.name());
          continue;
        }
        add(path, "a prefix of ", bytes.size(),
            " bytes is none; must be 4 or 16 address bytes with host bits zero, then the length");
      }
    }
    std::stable_sort(owners.begin(), owners.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    for (size_t i = 1; i < owners.size(); ++i) {
      if (owners[i].first != owners[i - 1].first) continue;
      add(element("client_classes", owners[i].second) + ".prefixes", owners[i].first.to_string(),
          " is also in class ", owners[i - 1].second);
    }
  }

  static std::optional<IpPrefix> prefix_of(const std::string& bytes) {
    if (bytes.empty()) return std::nullopt;
    const auto address = IpAddress::from_bytes(std::string_view(bytes).substr(0, bytes.size() - 1));
    if (!address) return std::nullopt;
    return IpPrefix::make(*address, static_cast<uint8_t>(bytes.back()));
  }

  void check_service(const v1::ServiceEntry& entry) {
    check_name("services", entry.name(), services_);
    const std::string path = element("services", entry.name());
    if (entry.addresses().empty()) add(path + ".addresses", "is empty");
    if (entry.ports().empty()) add(path + ".ports", "is empty");
    for (const v1::ServicePort& port : entry.ports()) {
      if (port.protocol() != kProtocolTcp && port.protocol() != kProtocolUdp) {
        add(path + ".ports", "protocol ", port.protocol(),
            " is not built; 6 (TCP) and 17 (UDP) are");
      }
      if (port.port() > 65535) add(path + ".ports", "port ", port.port(), " is above 65535");
    }
    for (const std::string& bytes : entry.addresses())
      check_endpoints(entry, bytes);
    if (entry.affinity() != v1::AFFINITY_FLOW && entry.affinity() != v1::AFFINITY_CLIENT) {
      add(path + ".affinity", "is ", entry.affinity(), ", must be flow or client");
    }
    if (!v1::Reject_IsValid(entry.reject()) || entry.reject() == v1::REJECT_UNSPECIFIED) {
      add(path + ".reject", "is ", entry.reject(), ", must be reset, prohibit or drop");
    }
    const int64_t idle = entry.tcp_idle().seconds();
    if (entry.has_tcp_idle() && (idle < 1 || idle > kIdleSecondsMax)) {
      add(path + ".tcp_idle", "is ", idle, " s, must be 1 s to 30 d");
    }
    if (entry.tcp_idle().nanos() < 0 || entry.tcp_idle().nanos() > 999'999'999) {
      add(path + ".tcp_idle", "has ", entry.tcp_idle().nanos(), " ns, must be 0 to 999999999");
    }
  }

  void check_endpoints(const v1::ServiceEntry& entry, const std::string& bytes) {
    const std::string path = element("services", entry.name()) + ".addresses";
    const std::optional<IpAddress> address = IpAddress::from_bytes(bytes);
    if (!address) {
      add(path, "an address of ", bytes.size(), " bytes is none; must have 4 or 16");
      return;
    }
    for (const v1::ServicePort& port : entry.ports()) {
      const auto [other, is_new] =
          endpoint_owner_.emplace(std::tuple(*address, port.protocol(), port.port()), entry.name());
      if (is_new) continue;
      add(path, address->to_string(), " with protocol ", port.protocol(), " port ", port.port(),
          " is also in service ", other->second);
    }
  }

  void check_pool(const v1::PoolEntry& entry) {
    check_name("pools", entry.name(), pools_);
    const std::string path = element("pools", entry.name());
    check_pool_settings(path, entry, violations_);
    check_backends(path + ".backends", entry);
  }

  void check_backends(const std::string& path, const v1::PoolEntry& pool) {
    Names names;
    std::vector<Holder> holders;
    for (const v1::BackendEntry& backend : pool.backends()) {
      check_name(path, backend.name(), names);
      if (backend.weight() > kWeightMax) {
        add(element(path, backend.name()) + ".weight", "is ", backend.weight(),
            ", must be 0 to 1000000");
      }
      if (const std::optional<IpAddress> address = IpAddress::from_bytes(backend.address())) {
        holders.push_back({*address, pool.name(), backend.name()});
        continue;
      }
      add(element(path, backend.name()) + ".address", "has ", backend.address().size(),
          " bytes, must have 4 or 16");
    }
    for_each_shared(holders, [&](const Holder& other, const Holder& holder) {
      add(element(path, holder.backend) + ".address", holder.address.to_string(), " is also ",
          other.backend);
    });
    backends_of_.emplace(pool.name(), std::move(holders));
  }

  // Who has an address.
  struct Holder {
    IpAddress address;
    absl::string_view pool;
    absl::string_view backend;
  };

  // Calls `report` with neighbours that have one address, after sorting by it.
  static void for_each_shared(std::vector<Holder>& holders, const auto& report) {
    std::stable_sort(holders.begin(), holders.end(),
                     [](const Holder& a, const Holder& b) { return a.address < b.address; });
    for (size_t i = 1; i < holders.size(); ++i) {
      if (holders[i].address == holders[i - 1].address) report(holders[i - 1], holders[i]);
    }
  }

  void check_route(const v1::RouteEntry& entry) {
    check_name("routes", entry.name(), routes_);
    const std::string path = element("routes", entry.name());
    if (!services_.contains(entry.service())) {
      add(path + ".service", "there is no service ", entry.service());
    }
    if (entry.split_seed().empty() || entry.split_seed().size() > kSeedBytesMax) {
      add(path + ".split_seed", "has ", entry.split_seed().size(), " bytes, must have 1 to 255");
    }
    std::vector<absl::string_view> split;
    uint64_t weight_sum = 0;
    for (const v1::RouteSplit& part : entry.split()) {
      split.push_back(part.pool());
      weight_sum += part.weight();
      if (part.weight() > kWeightMax) {
        add(element(path + ".split", part.pool()) + ".weight", "is ", part.weight(),
            ", must be 0 to 1000000");
      }
    }
    if (weight_sum == 0) add(path + ".split", "no pool has weight");
    if (split.size() > StickySplit::kMembersMax) add(path + ".split", "more than 255 pools");
    check_pool_references([&] { return path + ".split"; }, split);
    std::vector<absl::string_view> pools(entry.fallback().begin(), entry.fallback().end());
    std::sort(pools.begin(), pools.end());
    check_pool_references([&] { return path + ".fallback"; }, pools);
    check_route_settings(path, entry, violations_);
    check_pool_references([&] { return path + ".evicted"; }, entry.evicted());
    if (entry.dscp_size() > 0 || entry.times_size() > 0) has_conditions_.insert(entry.name());
    for (const v1::RolloutSplit& rollout : entry.rollouts()) {
      pools.push_back(rollout.candidate());
      if (!pools_.contains(rollout.candidate()))
        add(path + ".rollouts", "there is no pool ", rollout.candidate());
    }
    pools.insert(pools.end(), split.begin(), split.end());
    std::sort(pools.begin(), pools.end());
    pools.erase(std::unique(pools.begin(), pools.end()), pools.end());
    pools_of_[entry.service()].insert(pools.begin(), pools.end());
    uses_of_.emplace(entry.name(), Uses{entry.service(), std::move(pools)});
  }

  // Shape: `pools` are sorted; `path()` is where they stand.
  void check_pool_references(const auto& path, const auto& pools) {
    for (auto pool = pools.begin(); pool != pools.end(); ++pool) {
      if (!pools_.contains(*pool)) add(path(), "there is no pool ", *pool);
      if (pool != pools.begin() && *pool == *std::prev(pool))
        add(element(path(), *pool), "is there twice");
    }
  }

  // One address in two pools of a service would be one server under two policies.
  void check_backends_of_services() {
    for (const auto& [service, pools] : pools_of_) {
      std::vector<Holder> holders;
      for (const absl::string_view pool : pools) {
        const std::vector<Holder>& its = backends_of_[pool];
        holders.insert(holders.end(), its.begin(), its.end());
      }
      for_each_shared(holders, [&, name = service](const Holder& other, const Holder& holder) {
        if (holder.pool == other.pool) return;  // said already
        add(element(element("pools", holder.pool) + ".backends", holder.backend) + ".address",
            holder.address.to_string(), " is also in pool ", other.pool, " of service ", name);
      });
    }
  }

  static std::string row_path(const v1::SteeringEntry& entry) {
    return absl::StrCat("steering[", entry.service(), ",", entry.client_class(), "]");
  }

  void check_steering(const v1::SteeringEntry& entry) {
    if (!services_.contains(entry.service()))
      add(row_path(entry), "there is no service ", entry.service());
    if (!classes_.contains(entry.client_class())) {
      add(row_path(entry), "there is no client class ", entry.client_class());
    }
    check_pool_references([&] { return row_path(entry) + ".eligible_pools"; },
                          entry.eligible_pools());
    if (!entry.route().empty()) check_reach(entry, "route", entry.route());
    for (const std::string& route : entry.conditional_routes())
      check_reach(entry, "conditional_routes", route);
    if (has_conditions_.contains(entry.route())) {
      add(row_path(entry) + ".route", entry.route(),
          " has dscp or times: it must be one of conditional_routes");
    }
  }

  // The proof: whatever the route names, the class may reach.
  void check_reach(const v1::SteeringEntry& entry, absl::string_view field,
                   const std::string& name) {
    const auto route = uses_of_.find(name);
    const std::string path = absl::StrCat(row_path(entry), ".", field);
    if (route == uses_of_.end()) {
      add(path, "there is no route ", name);
      return;
    }
    if (route->second.service != entry.service()) {
      add(path, name, " is of service ", route->second.service);
    }
    const auto& eligible = entry.eligible_pools();
    for (const absl::string_view pool : route->second.pools) {
      if (std::binary_search(eligible.begin(), eligible.end(), pool)) continue;
      add(path, "service ", entry.service(), ", class ", entry.client_class(), ", route ", name,
          " reaches pool ", pool, ", which is not eligible");
    }
  }

  // Rows are sorted, as services and classes are: one walk over what must be there.
  void check_every_row_is_there() {
    const auto& rows = message_.steering();
    for (int i = 1; i < rows.size(); ++i) {
      if (key_of(rows[i]) == key_of(rows[i - 1])) add(row_path(rows[i]), "is there twice");
    }
    size_t missing = 0;
    auto row = rows.begin();
    for (const v1::ServiceEntry& service : message_.services()) {
      for (const v1::ClientClassEntry& client_class : message_.client_classes()) {
        const auto key = std::pair(key_of(service), key_of(client_class));
        while (row != rows.end() && key_of(*row) < key)
          ++row;
        if (row != rows.end() && key_of(*row) == key) continue;
        if (++missing > kMissingRowsShown) {
          add("steering", "more entries are missing");
          return;
        }
        add("steering", "there is no entry for service ", service.name(), " and class ",
            client_class.name());
      }
    }
  }

  void check_override(const v1::Override& entry) {
    const std::string path = absl::StrCat("overrides[", entry.pool(), ",", entry.backend(), "]");
    if (!overrides_.emplace(entry.pool(), entry.backend()).second) add(path, "is there twice");
    if (entry.pool().empty()) add(path + ".pool", "is empty");
    if (entry.state() != v1::Override::STATE_DRAINING &&
        entry.state() != v1::Override::STATE_RECALLED) {
      add(path + ".state", "is ", entry.state(), "; must be draining or recalled");
    }
  }

  struct Uses {
    absl::string_view service;
    std::vector<absl::string_view> pools;  // sorted
  };

  const v1::ForwardingTable& message_;
  const Prefixes prefixes_;
  ViolationList violations_;
  Names classes_, services_, pools_, routes_;
  Names has_conditions_;  // routes that do not take every flow
  std::map<std::tuple<IpAddress, uint32_t, uint32_t>, absl::string_view> endpoint_owner_;
  absl::flat_hash_map<absl::string_view, std::vector<Holder>> backends_of_;  // by pool
  absl::flat_hash_map<absl::string_view, Uses> uses_of_;                     // by route
  std::map<absl::string_view, std::set<absl::string_view>> pools_of_;        // by service
  std::set<std::pair<std::string, std::string>> overrides_;
};

}  // namespace

std::vector<std::string> violations_of(const CanonicalTable& table, Prefixes prefixes) {
  return Check(table.message(), prefixes).run();
}

std::vector<std::string> warnings_of(const v1::ForwardingTable& message) {
  std::vector<std::string> warnings;
  for (const v1::PoolEntry& pool : message.pools()) {
    const uint64_t backends = static_cast<uint64_t>(pool.backends_size());
    if (pool.table_slots() >= kSlotsPerBackend * backends) continue;
    warnings.push_back(absl::StrCat(
        "pools[", pool.name(), "].table_slots: ", pool.table_slots(), " slots for ", backends,
        " backends; fewer than 100 each make shares coarse, and more flows move on a change"));
  }
  return warnings;
}

}  // namespace sluice::dataplane

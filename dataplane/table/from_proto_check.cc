// SPDX-License-Identifier: Apache-2.0
//
// The checks of a forwarding table, one function per kind of object.
#include "dataplane/table/from_proto_check.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "dataplane/maglev/maglev_table.h"
#include "dataplane/maglev/sticky_split.h"
#include "dataplane/net/flow_key.h"
#include "dataplane/net/ip_address.h"

namespace sluice::dataplane {
namespace {

constexpr uint32_t kWeightMax = 1'000'000;
constexpr uint32_t kSlotsMin = 7;
constexpr uint32_t kSlotsMax = 16'777'213;
constexpr uint32_t kSlotsPerBackend =
    100;  // fewer, and shares and disruption get coarse: Maglev, section 5.3
constexpr size_t kSeedBytesMax = 255;
constexpr size_t kMissingRowsShown = 100;
// More help nobody, and a table can be wrong in more ways than memory holds.
constexpr size_t kViolationsMax = 1000;

// What a node is asked to hold at most, each about a GB: more would get it killed while it builds.
constexpr uint64_t kSlotsInAllMax = uint64_t{4096} * 65537;
constexpr uint64_t kPrefixesMax = 1'000'000;
constexpr uint64_t kRoutesMax = 16'384;      // a split has 64 KiB
constexpr uint64_t kEndpointsMax = 131'072;  // as many as the steering program: bpf/steer_maps.h
constexpr int64_t kIdleSecondsMax = 30 * 86400;

class Check {
 public:
  explicit Check(const v1::ForwardingTable& message) : message_(message) {}

  std::vector<std::string> run() {
    check_size();
    if (!violations_.empty()) return std::move(violations_);
    check_header();
    for (const auto& entry : message_.client_classes())
      check_class(entry);
    if (!classes_.contains("unknown")) add("client_classes", "\"unknown\" is missing");
    for (const auto& entry : message_.services())
      check_service(entry);
    for (const auto& entry : message_.pools())
      check_pool(entry);
    for (const auto& entry : message_.routes())
      check_route(entry);
    check_backends_of_services();
    for (const auto& entry : message_.steering()) {
      if (is_full()) break;  // every row may be wrong about every pool
      check_steering(entry);
    }
    check_every_row_is_there();
    for (const auto& entry : message_.overrides())
      check_override(entry);
    return std::move(violations_);
  }

 private:
  using Names = std::set<std::string, std::less<>>;

  template <class... Parts>
  void add(absl::string_view path, const Parts&... what) {
    if (is_full()) return;
    violations_.push_back(absl::StrCat(path, ": ", what...));
    if (is_full()) violations_.push_back("table: there is more that is wrong");
  }
  bool is_full() const { return violations_.size() >= kViolationsMax; }

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

  void check_class(const v1::ClientClassEntry& entry) {
    check_name("client_classes", entry.name(), classes_);
    const std::string path = element("client_classes", entry.name()) + ".prefixes";
    for (const std::string& bytes : entry.prefixes()) {
      const std::optional<IpPrefix> prefix = prefix_of(bytes);
      if (!prefix) {
        add(path, "a prefix of ", bytes.size(),
            " bytes is none; must be 4 or 16 address bytes with host bits zero, then the length");
        continue;
      }
      const auto [other, is_new] = prefix_owner_.emplace(*prefix, entry.name());
      if (!is_new) add(path, prefix->to_string(), " is also in class ", other->second);
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
    if (entry.forwarding() != v1::FORWARDING_IPIP && entry.forwarding() != v1::FORWARDING_L2) {
      add(path + ".forwarding", "is ", entry.forwarding(), "; ipip and l2 are built");
    }
    const uint32_t slots = entry.table_slots();
    if (slots < kSlotsMin || slots > kSlotsMax || !is_prime(slots)) {
      add(path + ".table_slots", "is ", slots, ", must be a prime from 7 to 16777213");
    }
    if (entry.min_up() == 0) add(path + ".min_up", "is 0, must be at least 1");
    if (entry.has_eligible_until()) check_timestamp(path, entry.eligible_until());
    if (entry.has_health()) check_health(path + ".health", entry.health());
    Names names;
    std::map<IpAddress, std::string> addresses;
    for (const v1::BackendEntry& backend : entry.backends()) {
      check_name(path + ".backends", backend.name(), names);
      const std::string its_path = element(path + ".backends", backend.name());
      if (backend.weight() > kWeightMax) {
        add(its_path + ".weight", "is ", backend.weight(), ", must be 0 to 1000000");
      }
      const std::optional<IpAddress> address = IpAddress::from_bytes(backend.address());
      if (!address) {
        add(its_path + ".address", "has ", backend.address().size(), " bytes, must have 4 or 16");
        continue;
      }
      const auto [other, is_new] = addresses.emplace(*address, backend.name());
      if (!is_new) add(its_path + ".address", address->to_string(), " is also ", other->second);
    }
    backends_of_.emplace(entry.name(), std::move(addresses));
  }

  void check_timestamp(const std::string& path, const google::protobuf::Timestamp& time) {
    constexpr int64_t kSecondsMax = 253'402'300'799;  // end of the year 9999, as protobuf has it
    if (time.seconds() < 0 || time.seconds() > kSecondsMax || time.nanos() < 0 ||
        time.nanos() > 999'999'999) {
      add(path + ".eligible_until", "is no time from 1970 to 9999");
    }
  }

  void check_health(const std::string& path, const v1::HealthCheck& health) {
    const auto check_port = [&](absl::string_view kind, uint32_t port) {
      if (port == 0 || port > 65535) add(absl::StrCat(path, ".", kind, ".port"), "is ", port);
    };
    if (health.has_tcp()) {
      check_port("tcp", health.tcp().port());
    } else if (health.has_http()) {
      check_port("http", health.http().port());
    } else {
      add(path, "has no probe that is built: tcp or http");
    }
    if (health.rise() < 1 || health.rise() > 100) add(path + ".rise", "must be 1 to 100");
    if (health.fall() < 1 || health.fall() > 100) add(path + ".fall", "must be 1 to 100");
    const auto check_duration = [&](absl::string_view field,
                                    const google::protobuf::Duration& time) {
      const bool in_range = time.seconds() >= 0 && time.seconds() <= 3600 && time.nanos() >= 0 &&
                            time.nanos() <= 999'999'999 && (time.seconds() > 0 || time.nanos() > 0);
      if (!in_range) add(absl::StrCat(path, ".", field), "must be above 0 and at most 1 h");
    };
    check_duration("interval", health.interval());
    check_duration("fast_interval", health.fast_interval());
    check_duration("timeout", health.timeout());
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
    Names split;
    uint64_t weight_sum = 0;
    for (const v1::RouteSplit& part : entry.split()) {
      check_pool_reference(path + ".split", part.pool(), split);
      weight_sum += part.weight();
      if (part.weight() > kWeightMax) {
        add(element(path + ".split", part.pool()) + ".weight", "is ", part.weight(),
            ", must be 0 to 1000000");
      }
    }
    if (weight_sum == 0) add(path + ".split", "no pool has weight");
    if (split.size() > StickySplit::kMembersMax) add(path + ".split", "more than 255 pools");
    Names fallback;
    for (const std::string& pool : entry.fallback()) {
      check_pool_reference(path + ".fallback", pool, fallback);
    }
    split.merge(fallback);
    uses_of_.emplace(entry.name(), Uses{entry.service(), std::move(split)});
  }

  void check_pool_reference(const std::string& path, const std::string& pool, Names& seen) {
    if (!pools_.contains(pool)) add(path, "there is no pool ", pool);
    if (!seen.insert(pool).second) add(element(path, pool), "is there twice");
  }

  // One address in two pools of a service would be one server under two policies.
  void check_backends_of_services() {
    std::map<std::string, Names> pools_of;
    for (const auto& [route, uses] : uses_of_) {
      pools_of[uses.service].insert(uses.pools.begin(), uses.pools.end());
    }
    for (const auto& [service, pools] : pools_of) {
      std::map<IpAddress, std::string> owner;
      for (const std::string& pool : pools) {
        for (const auto& [address, backend] : backends_of_[pool]) {
          const auto [other, is_new] = owner.emplace(address, pool);
          if (is_new) continue;
          add(element(element("pools", pool) + ".backends", backend) + ".address",
              address.to_string(), " is also in pool ", other->second, " of service ", service);
        }
      }
    }
  }

  void check_steering(const v1::SteeringEntry& entry) {
    const std::string path =
        absl::StrCat("steering[", entry.service(), ",", entry.client_class(), "]");
    if (!services_.contains(entry.service())) add(path, "there is no service ", entry.service());
    if (!classes_.contains(entry.client_class())) {
      add(path, "there is no client class ", entry.client_class());
    }
    if (!rows_.emplace(entry.service(), entry.client_class()).second) add(path, "is there twice");
    Names eligible;
    for (const std::string& pool : entry.eligible_pools()) {
      check_pool_reference(path + ".eligible_pools", pool, eligible);
    }
    if (entry.route().empty()) return;
    const auto route = uses_of_.find(entry.route());
    if (route == uses_of_.end()) {
      add(path + ".route", "there is no route ", entry.route());
      return;
    }
    if (route->second.service != entry.service()) {
      add(path + ".route", entry.route(), " is of service ", route->second.service);
    }
    for (const std::string& pool : route->second.pools) {
      if (eligible.contains(pool)) continue;
      add(path + ".route", "service ", entry.service(), ", class ", entry.client_class(),
          ", route ", entry.route(), " reaches pool ", pool, ", which is not eligible");
    }
  }

  void check_every_row_is_there() {
    size_t missing = 0;
    for (const std::string& service : services_) {
      for (const std::string& client_class : classes_) {
        if (rows_.contains({service, client_class})) continue;
        if (++missing > kMissingRowsShown) {
          add("steering", "more entries are missing");
          return;
        }
        add("steering", "there is no entry for service ", service, " and class ", client_class);
      }
    }
  }

  void check_override(const v1::Override& entry) {
    const std::string path = absl::StrCat("overrides[", entry.pool(), ",", entry.backend(), "]");
    if (!overrides_.emplace(entry.pool(), entry.backend()).second) add(path, "is there twice");
    if (entry.pool().empty()) add(path + ".pool", "is empty");
    if (entry.state() != v1::Override::STATE_DRAINING) {
      add(path + ".state", "is ", entry.state(), "; draining is built");
    }
  }

  struct Uses {
    std::string service;
    Names pools;
  };

  const v1::ForwardingTable& message_;
  std::vector<std::string> violations_;
  Names classes_, services_, pools_, routes_;
  std::map<IpPrefix, std::string> prefix_owner_;
  std::map<std::tuple<IpAddress, uint32_t, uint32_t>, std::string> endpoint_owner_;
  std::map<std::string, std::map<IpAddress, std::string>> backends_of_;
  std::map<std::string, Uses> uses_of_;
  std::set<std::pair<std::string, std::string>> rows_;
  std::set<std::pair<std::string, std::string>> overrides_;
};

}  // namespace

std::vector<std::string> violations_of(const v1::ForwardingTable& message) {
  return Check(message).run();
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

// SPDX-License-Identifier: Apache-2.0
//
// From the proved message to the table: names become indices and ids, weights become slots and
// buckets.
#include "dataplane/table/from_proto.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "dataplane/table/from_proto_check.h"

namespace sluice::dataplane {
namespace {

using Previous = const Table*;
// Names are those of the message or of the previous table, which outlive the building.
template <class Value>
using ByName = absl::flat_hash_map<absl::string_view, Value>;

Labels labels_of(const google::protobuf::Map<std::string, std::string>& map) {
  return {map.begin(), map.end()};
}

HashKey key_from(const std::string& bytes) {
  return HashKey::from_bytes(
      std::span<const uint8_t, 16>(reinterpret_cast<const uint8_t*>(bytes.data()), 16));
}

int64_t unix_ms(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1000 + time.nanos() / 1'000'000;
}

uint32_t ms_of(const google::protobuf::Duration& duration) {
  return static_cast<uint32_t>(duration.seconds() * 1000 + duration.nanos() / 1'000'000);
}

DegradedBound bound_of(const v1::OnDegraded& entry) {
  DegradedBound bound{.window_ms = ms_of(entry.window()), .flows_min = entry.min_flows()};
  if (entry.has_handshake_loss()) bound.handshake_loss_max = entry.handshake_loss();
  if (entry.has_slower_by()) bound.slower_by_max = entry.slower_by();
  if (entry.has_response_slower_by()) bound.response_slower_by_max = entry.response_slower_by();
  return bound;
}

bool same_slots(const Pool& a, const Pool& b, uint32_t slot_count) {
  return a.slots->slot_count() == slot_count &&
         std::ranges::equal(a.members, b.members, [](const PoolMember& x, const PoolMember& y) {
           return x.name == y.name && x.weight == y.weight;
         });
}

// The name of the service that has the endpoint's address and port; empty: none has.
std::string_view owner(const Table& table, const ServiceEndpoint& endpoint) {
  constexpr std::array<uint8_t, 16> kAnySource{};
  const auto find = [&]<Family F>() {
    return table.service_lookup.find(
        FlowKey<F>::make(kAnySource.data(), endpoint.address.bytes().data(), {},
                         Be16::from_host(endpoint.port), endpoint.protocol));
  };
  const ServiceIndex service = endpoint.address.is_ipv4()
                                   ? find.template operator()<Family::kIpv4>()
                                   : find.template operator()<Family::kIpv6>();
  return service.is_none() ? std::string_view() : table.services[service.value].name;
}

// How many processors this thread may use: on a node the main lcore's, so that workers keep theirs.
size_t processor_count() {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  if (sched_getaffinity(0, sizeof processors, &processors) != 0) return 1;
  return static_cast<size_t>(CPU_COUNT(&processors));
}

// What targets are made of: weights do not matter.
bool same_backends(const Pool& a, const Pool& b) {
  return std::ranges::equal(a.members, b.members, [](const PoolMember& x, const PoolMember& y) {
    return x.id == y.id && x.labels == y.labels;
  });
}

std::string classes_digest(const CanonicalTable& table) {
  return sha256(table.bytes_of(v1::ForwardingTable::kClientClassesFieldNumber));
}

// Fills a table from a canonical message without violations.
class Builder {
 public:
  Builder(const CanonicalTable& table, std::string classes_digest, Previous previous,
          Registry& registry)
      : message_(table.message()), previous_(previous), registry_(registry) {
    table_->classes_digest = std::move(classes_digest);
    if (previous_ == nullptr) return;
    for (const Pool& pool : previous_->pools)
      old_pools_.emplace(pool.name, &pool);
    for (const Route& route : previous_->routes)
      old_routes_.emplace(route.name, &route);
  }

  absl::StatusOr<BuiltTable> run() {
    table_->generation = message_.generation();
    table_->revision = message_.revision();
    table_->term = message_.term();
    table_->eligibility_epoch = message_.eligibility_epoch();
    table_->steering_key = key_from(message_.steering_key());
    is_same_key_ = previous_ != nullptr && previous_->steering_key == table_->steering_key;
    add_classes();
    add_services();
    table_->epoch = next_epoch();
    absl::Status status;
    for (const v1::PoolEntry& entry : message_.pools())
      status.Update(add_pool(entry));
    if (status.ok()) {
      build_slots();
      for (const v1::RouteEntry& entry : message_.routes())
        status.Update(add_route(entry));
    }
    if (!status.ok()) return status;
    add_rows();
    report_.warnings = warnings_of(message_);
    return BuiltTable{std::move(table_), std::move(report_)};
  }

 private:
  void add_classes() {
    // "unknown" is first, so that 0 is what the prefix match gives where there is no prefix.
    add_class(*std::ranges::find(message_.client_classes(), "unknown",
                                 [](const v1::ClientClassEntry& entry) { return entry.name(); }));
    for (const v1::ClientClassEntry& entry : message_.client_classes()) {
      if (entry.name() != "unknown") add_class(entry);
    }
    if (previous_ != nullptr && previous_->classes_digest == table_->classes_digest) {
      table_->classes_v4 = previous_->classes_v4;
      table_->classes_v6 = previous_->classes_v6;
    } else {
      add_prefixes();
    }
    report_.memory_bytes += table_->classes_v4->memory_bytes() + table_->classes_v6->memory_bytes();
  }

  void add_class(const v1::ClientClassEntry& entry) {
    const auto index = static_cast<uint32_t>(table_->classes.size());
    classes_.emplace(entry.name(), ClassIndex{index});
    table_->classes.push_back(
        {registry_.client_class(entry.name()), entry.name(), labels_of(entry.labels())});
  }

  void add_prefixes() {
    for (const v1::ClientClassEntry& entry : message_.client_classes()) {
      const uint32_t index = classes_.at(entry.name()).value;
      for (const std::string_view bytes : entry.prefixes()) {
        const auto address = IpAddress::from_bytes(bytes.substr(0, bytes.size() - 1));
        prefixes_.push_back({*IpPrefix::make(*address, static_cast<uint8_t>(bytes.back())), index});
      }
    }
    table_->classes_v4 = prefix_match(previous_ == nullptr ? nullptr : previous_->classes_v4);
    table_->classes_v6 = prefix_match(previous_ == nullptr ? nullptr : previous_->classes_v6);
  }

  template <Family F>
  std::shared_ptr<const Lpm<F>> prefix_match(std::shared_ptr<const Lpm<F>> old) {
    std::vector<LpmEntry> entries;
    std::ranges::copy_if(prefixes_, std::back_inserter(entries), [](const LpmEntry& entry) {
      return entry.prefix.address().family() == F;
    });
    std::ranges::sort(entries, {}, &LpmEntry::prefix);
    if (old == nullptr || !std::ranges::equal(old->entries(), entries)) {
      old = std::make_shared<const Lpm<F>>(old == nullptr ? Lpm<F>::build(std::move(entries))
                                                          : old->updated(std::move(entries)));
    }
    return old;
  }

  // Whether every endpoint that either table has, and the one before gave to a service, is still
  // that service's: known flows go on without a look at their service while the epoch is theirs.
  bool keeps_endpoints() const {
    const auto is_kept = [&](const ServiceEndpoint& endpoint) {
      const std::string_view before = owner(*previous_, endpoint);
      return before.empty() || before == owner(*table_, endpoint);
    };
    return std::ranges::all_of(previous_->service_lookup.endpoints(), is_kept) &&
           std::ranges::all_of(table_->service_lookup.endpoints(), is_kept);
  }

  // Another controller's epochs, of another key or from another store, say nothing about ours.
  uint32_t next_epoch() const {
    if (previous_ == nullptr) return 1;
    const bool is_same = previous_->eligibility_epoch == table_->eligibility_epoch &&
                         previous_->term == table_->term &&
                         previous_->steering_key == table_->steering_key && keeps_endpoints();
    return previous_->epoch + (is_same ? 0 : 1);
  }

  void add_services() {
    std::vector<ServiceEndpoint> endpoints;
    for (const v1::ServiceEntry& entry : message_.services()) {
      const ServiceIndex index{static_cast<uint32_t>(table_->services.size())};
      services_.emplace(entry.name(), index);
      Service& service = table_->services.emplace_back();
      service.name = entry.name();
      service.affinity =
          entry.affinity() == v1::AFFINITY_CLIENT ? AffinityKind::kClient : AffinityKind::kFlow;
      service.reject = entry.reject() == v1::REJECT_RESET      ? RejectKind::kReset
                       : entry.reject() == v1::REJECT_PROHIBIT ? RejectKind::kProhibit
                                                               : RejectKind::kDrop;
      service.tcp_idle_ms = ms_of(entry.tcp_idle());
      for (const std::string& address : entry.addresses()) {
        for (const v1::ServicePort& port : entry.ports()) {
          endpoints.push_back({*IpAddress::from_bytes(address),
                               static_cast<uint8_t>(port.protocol()),
                               static_cast<uint16_t>(port.port()), index});
        }
      }
    }
    table_->service_lookup = ServiceLookup::build(endpoints);
  }

  // Errors: RESOURCE_EXHAUSTED (no backend id is left).
  absl::Status add_pool(const v1::PoolEntry& entry) {
    pools_.emplace(entry.name(), PoolIndex{static_cast<uint32_t>(table_->pools.size())});
    Pool& pool = table_->pools.emplace_back();
    pool.name = entry.name();
    pool.labels = labels_of(entry.labels());
    pool.forwarding =
        entry.forwarding() == v1::FORWARDING_L2 ? ForwardingKind::kL2 : ForwardingKind::kIpip;
    pool.min_up = entry.min_up();
    if (entry.has_eligible_until()) pool.eligible_until_unix_ms = unix_ms(entry.eligible_until());
    pool.name_hash = keyed_hash(table_->steering_key, "pool/" + pool.name);
    const Pool* old = find(old_pools_, entry.name());
    for (const v1::BackendEntry& backend : entry.backends()) {
      const IpAddress address = *IpAddress::from_bytes(backend.address());
      const auto id = backend_id(old, {pool.name, backend.name(), address}, pool.members.size());
      if (!id) {
        return absl::ResourceExhaustedError(
            "the node has given all ids of backends since it started; a restart begins anew");
      }
      table_->backend_capacity = std::max(table_->backend_capacity, id->index() + 1);
      Labels labels = pool.labels;
      for (const auto& [key, value] : backend.labels())
        labels[key] = value;
      const int64_t until =
          backend.has_eligible_until() ? unix_ms(backend.eligible_until()) : INT64_MAX;
      pool.members.push_back({*id, backend.name(), address, backend.weight(),
                              std::min(until, pool.eligible_until_unix_ms), std::move(labels)});
      pool.ids.push_back(*id);
    }
    share_or_order_slots(old, pool, entry.table_slots());
    keeps_backends_.push_back(old != nullptr && same_backends(*old, pool));
    return absl::OkStatus();
  }

  // The registry answers the same for a backend that stands where it stood, but later.
  std::optional<BackendId> backend_id(const Pool* old, const BackendIdentity& identity,
                                      size_t position) {
    if (old != nullptr && position < old->members.size()) {
      const PoolMember& member = old->members[position];
      if (member.name == identity.name && member.address == identity.address) return member.id;
    }
    return registry_.backend(identity);
  }

  void share_or_order_slots(const Pool* old, Pool& pool, uint32_t slot_count) {
    if (is_same_key_ && old != nullptr && same_slots(*old, pool, slot_count)) {
      ++report_.pools_shared;
      pool.slots = old->slots;
      return;
    }
    ++report_.pools_built;
    MaglevOrder& order = orders_.emplace_back();
    order.slot_count = slot_count;
    for (const PoolMember& member : pool.members)
      order.members.push_back({member.name, member.weight});
  }

  // Of the pools that share no slots with the table before, all at once.
  void build_slots() {
    const auto built = build_maglev_tables(orders_, table_->steering_key, processor_count());
    auto next = built.begin();
    for (Pool& pool : table_->pools) {
      if (pool.slots == nullptr) pool.slots = *next++;
      report_.memory_bytes += pool.slots->owners().size_bytes();
    }
  }

  // Errors: RESOURCE_EXHAUSTED (no target id is left).
  absl::Status add_route(const v1::RouteEntry& entry) {
    routes_.emplace(entry.name(), RouteIndex{static_cast<uint32_t>(table_->routes.size())});
    Route& route = table_->routes.emplace_back();
    route.name = entry.name();
    route.service = services_.at(entry.service());
    route.seed_hash = keyed_hash(table_->steering_key, entry.split_seed());
    for (const v1::RouteSplit& part : entry.split()) {
      route.uses.push_back({.pool = pools_.at(part.pool()), .weight = part.weight()});
    }
    route.split_count = static_cast<uint32_t>(route.uses.size());
    for (const std::string& pool : entry.fallback()) {
      const PoolIndex index = pools_.at(pool);
      const auto use = std::ranges::find(route.uses, index, &Route::PoolUse::pool);
      route.fallback.push_back(static_cast<uint32_t>(use - route.uses.begin()));
      if (use == route.uses.end()) route.uses.push_back({.pool = index});
    }
    add_rollouts(entry, route);
    if (entry.has_on_degraded()) route.degraded_bound = bound_of(entry.on_degraded());
    for (const std::string& pool : entry.evicted())
      route.evicted.push_back(pools_.at(pool));
    std::ranges::sort(route.evicted);
    for (const uint32_t dscp : entry.dscp())
      route.dscp |= uint64_t{1} << dscp;
    for (const v1::WeekMinutes& span : entry.times())
      route.times.push_back({span.begin(), span.end()});
    const Route* old = find(old_routes_, entry.name());
    route.split = split_for(old, route, entry.split_seed());
    for (uint32_t use = 0; use < route.uses.size(); ++use) {
      const absl::Status status = add_targets(old, route, use);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  void add_rollouts(const v1::RouteEntry& entry, Route& route) {
    for (const v1::RolloutSplit& split : entry.rollouts()) {
      const PoolIndex stable = pools_.at(split.stable());
      std::ranges::find(route.uses, stable, &Route::PoolUse::pool)->rollout =
          static_cast<uint32_t>(route.rollouts.size());
      // Not the hash of a split's seed, even where both have one name.
      route.rollouts.push_back(
          {.id = registry_.rollout(split.seed()),
           .seed_hash = keyed_hash(table_->steering_key, "rollout/" + split.seed()),
           .weight = split.weight(),
           .candidate = static_cast<uint32_t>(route.uses.size()),
           .observe_age_ms = split.observe_age_ms(),
           .name = split.seed()});
      route.uses.push_back({.pool = pools_.at(split.candidate())});
    }
  }

  // Of which rollout the use is the candidate; empty: of none.
  static std::string_view candidate_of(const Route& route, size_t use) {
    const auto rollout = std::ranges::find(route.rollouts, use, &Rollout::candidate);
    return rollout == route.rollouts.end() ? std::string_view() : rollout->name;
  }

  absl::Status add_targets(const Route* old, Route& route, uint32_t position) {
    Route::PoolUse& use = route.uses[position];
    const Pool& pool = table_->pools[use.pool.value];
    const std::string_view rollout = candidate_of(route, position);
    if (const Route::PoolUse* known = old_use(old, route, use.pool, rollout)) {
      use.targets = known->targets;
      return absl::OkStatus();
    }
    for (const PoolMember& member : pool.members) {
      const auto id = registry_.target({table_->services[route.service.value].name,
                                        route.name,
                                        std::string(rollout),
                                        {pool.name, member.name, member.address},
                                        member.labels});
      if (!id) {
        return absl::ResourceExhaustedError(
            "the node has given all ids of targets (route, rollout and backend) since it started; "
            "a restart "
            "begins anew");
      }
      use.targets.push_back(*id);
    }
    return absl::OkStatus();
  }

  // What the route was to the pool before; null where the registry would not answer the same.
  const Route::PoolUse* old_use(const Route* old, const Route& route, PoolIndex pool,
                                std::string_view rollout) const {
    if (old == nullptr || !keeps_backends_[pool.value]) return nullptr;
    if (previous_->services[old->service.value].name != table_->services[route.service.value].name)
      return nullptr;
    for (size_t use = 0; use < old->uses.size(); ++use) {
      const std::string& name = previous_->pools[old->uses[use].pool.value].name;
      if (name == table_->pools[pool.value].name && candidate_of(*old, use) == rollout)
        return &old->uses[use];
    }
    return nullptr;
  }

  std::shared_ptr<const StickySplit> split_for(const Route* old, const Route& route,
                                               const std::string& seed) {
    std::vector<SplitMember> members;
    for (const Route::PoolUse& use : std::span(route.uses).first(route.split_count)) {
      members.push_back({table_->pools[use.pool.value].name, use.weight});
    }
    if (is_same_key_ && old != nullptr && is_split_of(*old, route, members)) return old->split;
    return std::make_shared<const StickySplit>(
        StickySplit::build(members, seed, table_->steering_key));
  }

  bool is_split_of(const Route& old, const Route& route, std::span<const SplitMember> members) {
    return old.seed_hash == route.seed_hash &&
           std::ranges::equal(std::span(old.uses).first(old.split_count), members,
                              [&](const Route::PoolUse& use, const SplitMember& member) {
                                return previous_->pools[use.pool.value].name == member.name &&
                                       use.weight == member.weight;
                              });
  }

  // Rows come service by service, and a route is of one service: only neighbours can be equal.
  void add_rows() {
    std::map<SteeringRow, uint32_t> known;
    table_->class_count = static_cast<uint32_t>(table_->classes.size());
    table_->row_of.resize(table_->services.size() * table_->class_count);
    absl::string_view service;
    for (const v1::SteeringEntry& entry : message_.steering()) {
      if (entry.service() != service) known.clear();
      service = entry.service();
      SteeringRow row;
      if (!entry.route().empty()) row.route = routes_.at(entry.route());
      for (const std::string& route : entry.conditional_routes())
        row.conditional.push_back(routes_.at(route));
      row.must_record = entry.audit_fail_closed();
      row.evicts = is_any_route(row, [](const Route& route) { return !route.evicted.empty(); });
      row.judges_responses = is_any_route(
          row, [](const Route& route) { return route.degraded_bound.judges_responses(); });
      for (const std::string& pool : entry.eligible_pools())
        row.eligible.push_back(pools_.at(pool));
      std::ranges::sort(row.eligible);
      const auto [place, is_new] =
          known.try_emplace(row, static_cast<uint32_t>(table_->rows.size()));
      if (is_new) table_->rows.push_back(std::move(row));
      const size_t cell = size_t{services_.at(entry.service()).value} * table_->class_count +
                          classes_.at(entry.client_class()).value;
      table_->row_of[cell] = place->second;
    }
  }

  template <class Predicate>
  bool is_any_route(const SteeringRow& row, Predicate predicate) const {
    const auto is_so = [&](RouteIndex route) {
      return !route.is_none() && predicate(table_->routes[route.value]);
    };
    return is_so(row.route) || std::ranges::any_of(row.conditional, is_so);
  }

  template <class Object>
  static const Object* find(const ByName<const Object*>& objects, absl::string_view name) {
    const auto found = objects.find(name);
    return found == objects.end() ? nullptr : found->second;
  }

  const v1::ForwardingTable& message_;
  const Previous previous_;
  Registry& registry_;
  std::shared_ptr<Table> table_ = std::make_shared<Table>();
  BuildReport report_;
  std::vector<LpmEntry> prefixes_;
  std::vector<MaglevOrder> orders_;  // of the pools without slots, in their order
  bool is_same_key_ = false;         // slots and splits may be shared
  ByName<const Pool*> old_pools_;
  ByName<const Route*> old_routes_;
  std::vector<bool> keeps_backends_;  // by pool: its backends are those of the old one
  ByName<ClassIndex> classes_;
  ByName<ServiceIndex> services_;
  ByName<PoolIndex> pools_;
  ByName<RouteIndex> routes_;
};

}  // namespace

absl::StatusOr<BuiltTable> build_table(const CanonicalTable& table, const Table* previous,
                                       Registry& registry) {
  std::string digest = classes_digest(table);
  const bool is_proved = previous != nullptr && previous->classes_digest == digest;
  const std::vector<std::string> violations =
      violations_of(table, is_proved ? Prefixes::kProved : Prefixes::kUnproved);
  if (!violations.empty()) return absl::InvalidArgumentError(absl::StrJoin(violations, "\n"));
  return Builder(table, std::move(digest), previous, registry).run();
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Routes: references, splits, and that no client is steered by two routes at once.
#include <algorithm>
#include <map>

#include "controlplane/policy/checker.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/route_choice.h"
#include "controlplane/policy/service_pools.h"
#include "dataplane/maglev/sticky_split.h"
#include "dataplane/yaml/nearest_name.h"
#include "fmt/format.h"

namespace sluice::controlplane {
namespace {

using dataplane::IpAddress;

constexpr Range kWeight = {0, 1'000'000};
constexpr size_t kSeedMax = 255;

std::string route_path(const Checker& checker, int index) {
  return checker.path_of("Route", checker.policy().routes(index), index);
}

void check_pool_once(Checker& checker, const std::string& path, const std::string& pool,
                     std::set<std::string>& seen) {
  if (!checker.check_reference(path, "Pool", pool)) return;
  if (!seen.insert(pool).second)
    checker.add(path, fmt::format("{} stands here twice", quote(pool)));
}

void check_split(Checker& checker, const std::string& path, const v1::RouteSpec& route) {
  std::set<std::string> seen;
  bool receives = false;
  for (int i = 0; i < route.split_size(); ++i) {
    const v1::SplitEntry& entry = route.split(i);
    const std::string element = fmt::format("{}[{}]", path, i);
    check_pool_once(checker, element + ".pool", entry.pool(), seen);
    if (!entry.has_weight()) {
      checker.add(element + ".weight", "is required");
      receives = true;  // nothing is known of the sum
      continue;
    }
    checker.check_range(element + ".weight", entry.weight(), kWeight);
    receives = receives || entry.weight() > 0;
  }
  if (route.split().empty()) return checker.add(path, "needs at least one pool");
  if (!receives) checker.add(path, "needs at least one weight above 0");
  if (static_cast<size_t>(route.split_size()) > dataplane::StickySplit::kMembersMax) {
    checker.add(path, fmt::format("at most {} pools, not {}", dataplane::StickySplit::kMembersMax,
                                  route.split_size()));
  }
}

void check_route(Checker& checker, const std::string& path, const v1::Route& route) {
  const v1::RouteSpec& spec = route.spec();
  checker.check_labels(path + ".metadata.labels", route.metadata().labels());
  checker.check_reference(path + ".spec.service", "Service", spec.service());
  checker.check_selector(path + ".spec.clients", spec.clients());
  if (spec.split_seed().size() > kSeedMax) {
    checker.add(path + ".spec.split_seed",
                fmt::format("at most {} bytes, not {}", kSeedMax, spec.split_seed().size()));
  }
  check_split(checker, path + ".spec.split", spec);
  check_route_conditions(checker, path + ".spec", spec);
  std::set<std::string> seen;
  for (int i = 0; i < spec.fallback_size(); ++i) {
    check_pool_once(checker, fmt::format("{}.spec.fallback[{}]", path, i), spec.fallback(i), seen);
  }
}

// Two routes that are equally good for some clients are said once, with the first such clients.
void check_ambiguity(Checker& checker) {
  const std::vector<ClientSet>& sets = checker.clients().sets;
  const RouteChoice choice(checker.policy(), sets);
  std::set<std::pair<int, int>> said;
  for (const v1::Service& service : checker.policy().services()) {
    for (size_t set = 0; set < sets.size(); ++set) {
      const auto rivals = choice.best(service.metadata().name(), set).rivals;
      if (!rivals || !said.insert(*rivals).second) continue;
      const std::string first = route_path(checker, rivals->first);
      const v1::RouteSpec& rival = checker.policy().routes(rivals->second).spec();
      checker.add(
          route_path(checker, rivals->second) + ".spec.clients",
          fmt::format("{} of class {} of service {} also match {}{} at the same priority {}; give "
                      "one of the two a higher priority",
                      is_conditional(rival) ? "flows" : "clients", sets[set].name,
                      service.metadata().name(), first, checker.place(first), rival.priority()));
    }
  }
}

// A backend of a pool that can be reached.
struct Holder {
  IpAddress address;
  const v1::Pool* pool;
  int position;

  std::string path() const {
    const std::vector<std::string> paths =
        backend_paths(object_path("Pool", pool->metadata().name(), 0), *pool);
    return paths[static_cast<size_t>(position)];
  }
};

std::vector<Holder> holders_in(const v1::Pool& pool) {
  std::vector<Holder> holders;
  for (int i = 0; i < pool.spec().backends_size(); ++i) {
    if (const auto address = IpAddress::parse(pool.spec().backends(i).address()))
      holders.push_back({*address, &pool, i});
  }
  return holders;
}

// The first one and each other one of the holders, sorted by address, that have one address.
void check_holders(Checker& checker, const std::string& service, const std::vector<Holder>& holders,
                   std::set<std::pair<std::string, std::string>>& said) {
  const Holder* first = nullptr;
  for (const Holder& holder : holders) {
    if (first == nullptr || first->address != holder.address) first = &holder;
    if (first->pool == holder.pool || !said.emplace(first->path(), holder.path()).second) continue;
    checker.add(holder.path() + ".address",
                fmt::format("{} is also the address of {}{}, and service {} uses both pools",
                            holder.address.to_string(), first->path(), checker.place(first->path()),
                            service));
  }
}

// A flow's backend must tell which of the service's pools it is in.
void check_shared_backends(Checker& checker) {
  std::map<std::string, std::vector<Holder>> by_pool;
  for (const v1::Pool& pool : checker.policy().pools())
    by_pool.emplace(pool.metadata().name(), holders_in(pool));
  std::set<std::pair<std::string, std::string>> said;
  for (const auto& [service, pools] : pools_by_service(checker.policy())) {
    std::vector<Holder> holders;
    for (const std::string& name : pools) {
      const std::vector<Holder>& its = by_pool[name];
      holders.insert(holders.end(), its.begin(), its.end());
    }
    std::stable_sort(holders.begin(), holders.end(),
                     [](const Holder& a, const Holder& b) { return a.address < b.address; });
    check_holders(checker, service, holders, said);
  }
}

}  // namespace

void check_routes(Checker& checker) {
  for (int i = 0; i < checker.policy().routes_size(); ++i) {
    check_route(checker, route_path(checker, i), checker.policy().routes(i));
  }
  check_ambiguity(checker);
  check_shared_backends(checker);
}

}  // namespace sluice::controlplane

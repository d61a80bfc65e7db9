// SPDX-License-Identifier: Apache-2.0
//
// Routes: references, splits, and that no client is steered by two routes at once.
#include <map>

#include "controlplane/policy/checker.h"
#include "controlplane/policy/client_sets.h"
#include "controlplane/policy/kinds.h"
#include "controlplane/policy/route_choice.h"
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
  std::set<std::string> seen;
  for (int i = 0; i < spec.fallback_size(); ++i) {
    check_pool_once(checker, fmt::format("{}.spec.fallback[{}]", path, i), spec.fallback(i), seen);
  }
}

// Two routes that are equally good for some clients are said once, with the first such clients.
void check_ambiguity(Checker& checker) {
  const std::vector<ClientSet> sets = client_sets(checker.policy());
  const RouteChoice choice(checker.policy(), sets);
  std::set<std::pair<int, int>> said;
  for (const v1::Service& service : checker.policy().services()) {
    for (size_t set = 0; set < sets.size(); ++set) {
      const std::vector<int> best = choice.best(service.metadata().name(), set);
      if (best.size() < 2 || !said.emplace(best[0], best[1]).second) continue;
      const std::string first = route_path(checker, best[0]);
      checker.add(
          route_path(checker, best[1]) + ".spec.clients",
          fmt::format("clients of class {} of service {} also match {}{} at the same priority {}; "
                      "give one of "
                      "the two a higher priority",
                      sets[set].name, service.metadata().name(), first, checker.place(first),
                      checker.policy().routes(best[1]).spec().priority()));
    }
  }
}

using PoolsOfServices = std::map<std::string, std::set<std::string>>;

PoolsOfServices pools_of_services(const v1::Policy& policy) {
  PoolsOfServices pools;
  for (const v1::Route& route : policy.routes()) {
    std::set<std::string>& here = pools[route.spec().service()];
    for (const v1::SplitEntry& entry : route.spec().split())
      here.insert(entry.pool());
    here.insert(route.spec().fallback().begin(), route.spec().fallback().end());
  }
  return pools;
}

struct Holder {
  std::string pool;
  std::string backend_path;
};

// A flow's backend must tell which of the service's pools it is in.
void check_shared_backends(Checker& checker) {
  std::set<std::pair<std::string, std::string>> said;
  for (const auto& [service, pools] : pools_of_services(checker.policy())) {
    std::map<IpAddress, Holder> holders;
    for (const std::string& name : pools) {
      const v1::Pool* pool = checker.find_pool(name);
      if (pool == nullptr) continue;
      const std::vector<std::string> paths = backend_paths(object_path("Pool", name, 0), *pool);
      for (int i = 0; i < pool->spec().backends_size(); ++i) {
        const auto address = IpAddress::parse(pool->spec().backends(i).address());
        if (!address) continue;
        const std::string& path = paths[static_cast<size_t>(i)];
        const auto [first, added] = holders.try_emplace(*address, Holder{name, path});
        const Holder& holder = first->second;
        if (added || holder.pool == name || !said.emplace(holder.backend_path, path).second)
          continue;
        checker.add(path + ".address",
                    fmt::format("{} is also the address of {}{}, and service {} uses both pools",
                                address->to_string(), holder.backend_path,
                                checker.place(holder.backend_path), service));
      }
    }
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

// SPDX-License-Identifier: Apache-2.0
//
// Which routes give pools more than a guardrail's cap allows.
#include "controlplane/planner/caps.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "controlplane/policy/kinds.h"
#include "controlplane/policy/selector.h"
#include "fmt/format.h"
#include "fmt/ranges.h"

namespace sluice::controlplane {
namespace {

using Wide = unsigned __int128;  // products of three numbers up to 2^32 are compared exactly

constexpr uint64_t kWhole = 1'000'000;

struct Cap {
  int guardrail;
  const v1::ShareCap& cap;
};

struct RolloutOfRoute {
  const v1::Rollout* rollout;
  uint32_t present = 0;  // weight
  uint32_t largest() const {
    uint32_t most = present;
    for (const v1::RolloutStep& step : rollout->spec().steps())
      most = std::max(most, step.weight());
    return most;
  }
};

uint64_t weight_in(const v1::RouteSpec& route, const std::string& pool) {
  for (const v1::SplitEntry& entry : route.split()) {
    if (entry.pool() == pool) return entry.weight();
  }
  return 0;
}

// The pools of one route that one cap is about, and what they get.
class CappedRoute {
 public:
  CappedRoute(const v1::Route& route, std::span<const RolloutOfRoute> rollouts,
              const std::set<std::string>& capped, const Cap& cap)
      : route_(route), cap_(cap) {
    for (const v1::SplitEntry& entry : route.spec().split()) {
      total_ += entry.weight();
      if (capped.contains(entry.pool())) split_ += Wide{entry.weight()} * kWhole;
      note(entry.pool(), capped);
    }
    for (const std::string& pool : route.spec().fallback())
      note(pool, capped);
    for (const RolloutOfRoute& rollout : rollouts) {
      const v1::RolloutSpec& spec = rollout.rollout->spec();
      note(spec.candidate(), capped);
      if (capped.contains(spec.candidate()) && !capped.contains(spec.stable()))
        raising_.push_back(rollout);
    }
  }

  std::vector<CapBreach> find() {
    if (pools_.empty()) return {};
    const std::string path = object_path("Route", route_.metadata().name(), 0) + ".spec";
    if (exceeds(split_)) add(path + ".split", share_reason(split_));
    for (int i = 0; i < route_.spec().fallback_size(); ++i) {
      const std::string& pool = route_.spec().fallback(i);
      if (pools_.contains(pool)) {
        add(fmt::format("{}.fallback[{}]", path, i),
            fmt::format("pool {} has a capped share, so it may not be a fallback", pool));
      }
    }
    if (!exceeds(split_)) check_rollouts();
    return std::move(breaches_);
  }

  const std::set<std::string>& pools() const { return pools_; }
  bool has_others() const {
    return std::any_of(route_.spec().split().begin(), route_.spec().split().end(),
                       [&](const auto& entry) { return !pools_.contains(entry.pool()); });
  }
  // A fallback beside the capped pools that is one of `serving`.
  bool has_fallback_in(const std::set<std::string>& serving) const {
    const auto& fallback = route_.spec().fallback();
    return std::any_of(fallback.begin(), fallback.end(), [&](const std::string& pool) {
      return !pools_.contains(pool) && serving.contains(pool);
    });
  }

 private:
  void note(const std::string& pool, const std::set<std::string>& capped) {
    if (capped.contains(pool)) pools_.insert(pool);
  }

  // Of the route's total weight times 1000000.
  Wide raised_by(const RolloutOfRoute& rollout, uint32_t weight) const {
    return Wide{weight_in(route_.spec(), rollout.rollout->spec().stable())} * weight;
  }
  bool exceeds(Wide share) const { return share > Wide{cap_.cap.max_share()} * total_; }

  void check_rollouts() {
    Wide most = split_;
    for (const RolloutOfRoute& rollout : raising_)
      most += raised_by(rollout, rollout.largest());
    for (const RolloutOfRoute& rollout : raising_) {
      const Wide others = most - raised_by(rollout, rollout.largest());
      const std::string path =
          object_path("Rollout", rollout.rollout->metadata().name(), 0) + ".spec.steps";
      const auto& steps = rollout.rollout->spec().steps();
      const auto step = std::find_if(steps.begin(), steps.end(), [&](const auto& one) {
        return exceeds(others + raised_by(rollout, one.weight()));
      });
      if (step != steps.end()) {
        add(fmt::format("{}[{}].weight", path, step - steps.begin()),
            share_reason(others + raised_by(rollout, step->weight())));
      } else if (exceeds(others + raised_by(rollout, rollout.present))) {
        add(path, fmt::format("at its present weight {}, {}", rollout.present,
                              share_reason(others + raised_by(rollout, rollout.present))));
      }
    }
  }

  std::string share_reason(Wide share) const {
    // Rounded up, so that what exceeds a cap never reads as the cap itself.
    const auto of_whole = static_cast<uint64_t>((share + total_ - 1) / total_);
    const bool is_one = pools_.size() == 1;
    return fmt::format("{} {} {} {} of 1000000, at most {} is allowed", is_one ? "pool" : "pools",
                       fmt::join(pools_, ", "), is_one ? "gets" : "together get", of_whole,
                       cap_.cap.max_share());
  }

  void add(std::string path, std::string reason) {
    breaches_.push_back({cap_.guardrail, std::move(path), std::move(reason), pools_});
  }

  const v1::Route& route_;
  const Cap& cap_;
  uint64_t total_ = 0;
  Wide split_ = 0;
  std::set<std::string> pools_;
  std::vector<RolloutOfRoute> raising_;
  std::vector<CapBreach> breaches_;
};

using RolloutsByRoute = std::unordered_map<std::string, std::vector<RolloutOfRoute>>;

uint32_t present_weight(const v1::Rollout& rollout, std::span<const v1::RolloutStatus> statuses) {
  for (const v1::RolloutStatus& status : statuses) {
    if (status.rollout() == rollout.metadata().name()) return status.weight();
  }
  return 0;
}

RolloutsByRoute rollouts_by_route(const v1::Policy& policy,
                                  std::span<const v1::RolloutStatus> statuses) {
  RolloutsByRoute rollouts;
  for (const v1::Rollout& rollout : policy.rollouts())
    rollouts[rollout.spec().route()].push_back({&rollout, present_weight(rollout, statuses)});
  return rollouts;
}

// Calls `visit(cap, names of the pools that it is about)` for each cap of each guardrail.
template <typename Visit>
void for_each_cap(const v1::Policy& policy, const Visit& visit) {
  for (int g = 0; g < policy.guardrails_size(); ++g) {
    for (const v1::ShareCap& written : policy.guardrails(g).spec().caps()) {
      std::set<std::string> capped;
      for (const v1::Pool& pool : policy.pools()) {
        if (matches(written.pools(), to_labels(pool.metadata().labels())))
          capped.insert(pool.metadata().name());
      }
      if (!capped.empty()) visit(Cap{g, written}, capped);
    }
  }
}

std::set<std::string> pools_with_backends(const v1::Policy& policy) {
  std::set<std::string> names;
  for (const v1::Pool& pool : policy.pools()) {
    if (!pool.spec().backends().empty()) names.insert(pool.metadata().name());
  }
  return names;
}

// Calls `visit(route's position, cap, its pools under the cap)` for each cap and route.
template <typename Visit>
void for_each_capped_route(const v1::Policy& policy, const RolloutsByRoute& rollouts,
                           const Visit& visit) {
  for_each_cap(policy, [&](const Cap& cap, const std::set<std::string>& capped) {
    for (int r = 0; r < policy.routes_size(); ++r) {
      const auto its = rollouts.find(policy.routes(r).metadata().name());
      static const std::vector<RolloutOfRoute> kNone;
      visit(
          r, cap,
          CappedRoute(policy.routes(r), its == rollouts.end() ? kNone : its->second, capped, cap));
    }
  });
}

}  // namespace

std::vector<std::vector<CapBreach>> find_cap_breaches(const v1::Policy& policy,
                                                      std::span<const v1::RolloutStatus> statuses) {
  std::vector<std::vector<CapBreach>> breaches(static_cast<size_t>(policy.routes_size()));
  for_each_capped_route(policy, rollouts_by_route(policy, statuses),
                        [&](int route, const Cap&, CappedRoute capped) {
                          for (CapBreach& breach : capped.find())
                            breaches[static_cast<size_t>(route)].push_back(std::move(breach));
                        });
  return breaches;
}

std::vector<CapBreach> find_cap_breaches(const v1::Policy& policy, const v1::Route& route,
                                         std::span<const v1::Rollout* const> rollouts,
                                         std::span<const v1::RolloutStatus> statuses) {
  std::vector<RolloutOfRoute> its;
  for (const v1::Rollout* rollout : rollouts)
    its.push_back({rollout, present_weight(*rollout, statuses)});
  std::vector<CapBreach> breaches;
  for_each_cap(policy, [&](const Cap& cap, const std::set<std::string>& capped) {
    for (CapBreach& breach : CappedRoute(route, its, capped, cap).find())
      breaches.push_back(std::move(breach));
  });
  return breaches;
}

std::vector<CapRisk> find_cap_risks(const v1::Policy& policy) {
  std::vector<CapRisk> risks;
  const std::set<std::string> serving = pools_with_backends(policy);
  for_each_capped_route(
      policy, rollouts_by_route(policy, {}), [&](int route, const Cap& cap, CappedRoute capped) {
        if (!capped.pools().empty() && capped.has_others() && !capped.has_fallback_in(serving))
          risks.push_back({cap.guardrail, route, capped.pools()});
      });
  return risks;
}

}  // namespace sluice::controlplane

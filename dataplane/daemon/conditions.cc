// SPDX-License-Identifier: Apache-2.0
//
// Joins overrides and health.
#include "dataplane/daemon/conditions.h"

#include <optional>
#include <set>
#include <utility>

#include "fmt/format.h"

namespace sluice::dataplane {
namespace {

// What operators asked for, by pool and backend; an empty backend means the whole pool.
using Overrides = std::map<std::pair<std::string, std::string>, v1::Override::State>;

Overrides overrides_of(const v1::ForwardingTable& message) {
  Overrides overrides;
  for (const v1::Override& entry : message.overrides()) {
    overrides[{entry.pool(), entry.backend()}] = entry.state();
  }
  return overrides;
}

// The name of what was overridden in this state, if it holds for the backend.
std::optional<std::string> override_of(const Overrides& overrides, const BackendIdentity& backend,
                                       v1::Override::State state) {
  const auto pool = overrides.find({backend.pool, ""});
  if (pool != overrides.end() && pool->second == state) return "pool " + backend.pool;
  const auto own = overrides.find({backend.pool, backend.name});
  if (own != overrides.end() && own->second == state) return "backend " + backend.name;
  return std::nullopt;
}

enum class Checked : uint8_t { kNo, kYes };

void judge(const Overrides& overrides, Checked checked, const KnownHealth& known,
           JudgedBackend& backend) {
  if (const auto what = override_of(overrides, backend.identity, v1::Override::STATE_RECALLED)) {
    backend.state = BackendState::kRecalled;
    backend.reason = *what + " is recalled";
  } else if (checked == Checked::kYes && known.health != Health::kUp) {
    backend.state = BackendState::kDown;
    backend.reason = known.health == Health::kUnknown ? "not probed yet" : known.reason;
  } else if (const auto drained =
                 override_of(overrides, backend.identity, v1::Override::STATE_DRAINING)) {
    backend.state = BackendState::kDraining;
    backend.reason = *drained + " is drained";
  } else {
    backend.state = BackendState::kUp;
    backend.reason = checked == Checked::kYes ? known.reason : "no health check";
  }
}

}  // namespace

std::vector<JudgedBackend> judge_backends(const v1::ForwardingTable& message, const Table& table,
                                          const HealthByBackend& health) {
  std::set<std::string> checked_pools;
  for (const v1::PoolEntry& pool : message.pools()) {
    if (pool.has_health()) checked_pools.insert(pool.name());
  }
  const Overrides overrides = overrides_of(message);
  std::vector<JudgedBackend> backends;
  for (const Pool& pool : table.pools) {
    const Checked checked = checked_pools.contains(pool.name) ? Checked::kYes : Checked::kNo;
    for (const PoolMember& member : pool.members) {
      JudgedBackend backend{.id = member.id, .identity = {pool.name, member.name, member.address}};
      const auto known = health.find(backend.identity);
      judge(overrides, checked, known == health.end() ? KnownHealth{} : known->second, backend);
      backends.push_back(std::move(backend));
    }
  }
  return backends;
}

std::vector<ProbeTarget> probe_targets(const v1::ForwardingTable& message) {
  std::vector<ProbeTarget> targets;
  for (const v1::PoolEntry& pool : message.pools()) {
    if (!pool.has_health()) continue;
    for (const v1::BackendEntry& backend : pool.backends()) {
      if (const auto address = IpAddress::from_bytes(std::string_view(backend.address()))) {
        targets.push_back({{pool.name(), backend.name(), *address}, pool.health()});
      }
    }
  }
  return targets;
}

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// The list of drains and recalls that operators asked for.
#include "controlplane/service/overrides.h"

#include <algorithm>
#include <string>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "dataplane/yaml/nearest_name.h"

namespace sluice::controlplane {
namespace {

bool same_place(const v1::Override& a, const v1::Override& b) {
  return a.pool() == b.pool() && a.backend() == b.backend();
}

const v1::Pool* find_pool(const v1::Policy& policy, const std::string& name) {
  const auto found =
      std::find_if(policy.pools().begin(), policy.pools().end(),
                   [&](const v1::Pool& pool) { return pool.metadata().name() == name; });
  return found == policy.pools().end() ? nullptr : &*found;
}

bool has_backend(const v1::Pool& pool, const std::string& name) {
  return std::any_of(pool.spec().backends().begin(), pool.spec().backends().end(),
                     [&](const v1::Backend& backend) { return backend.name() == name; });
}

}  // namespace

std::vector<v1::Override> with_override(const std::vector<v1::Override>& overrides,
                                        const v1::Override& change) {
  std::vector<v1::Override> result;
  for (const v1::Override& override : overrides) {
    if (!same_place(override, change)) result.push_back(override);
  }
  if (change.state() != v1::Override::STATE_UNSPECIFIED) result.push_back(change);
  std::sort(result.begin(), result.end(), [](const v1::Override& a, const v1::Override& b) {
    return std::tie(a.pool(), a.backend()) < std::tie(b.pool(), b.backend());
  });
  return result;
}

bool change_anything(const std::vector<v1::Override>& changes,
                     const std::vector<v1::Override>& overrides) {
  return std::any_of(changes.begin(), changes.end(), [&](const v1::Override& change) {
    return !same_overrides(with_override(overrides, change), overrides);
  });
}

bool same_overrides(const std::vector<v1::Override>& a, const std::vector<v1::Override>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const v1::Override& x, const v1::Override& y) {
                      return same_place(x, y) && x.state() == y.state();
                    });
}

std::vector<v1::Override> effective_overrides(const std::vector<v1::Override>& overrides,
                                              const v1::Policy& policy) {
  std::vector<v1::Override> result;
  for (const v1::Override& override : overrides) {
    if (check_exists(override, policy).ok()) result.push_back(override);
  }
  return result;
}

std::string target_of(const v1::Override& override) {
  if (override.backend().empty()) return "pool/" + override.pool();
  return absl::StrCat("backend/", override.pool(), "/", override.backend());
}

bool is_recalled(const v1::Override& place, const std::vector<v1::Override>& overrides) {
  return std::any_of(overrides.begin(), overrides.end(), [&](const v1::Override& override) {
    return same_place(override, place) && override.state() == v1::Override::STATE_RECALLED;
  });
}

absl::Status check_lifts(const v1::Override& place, v1::Override::State lifted,
                         const std::vector<v1::Override>& overrides) {
  for (const v1::Override& override : overrides) {
    if (!same_place(override, place) || override.state() == lifted) continue;
    const std::string target = target_of(place);
    return absl::FailedPreconditionError(
        override.state() == v1::Override::STATE_RECALLED
            ? absl::StrCat(target, " is recalled, not drained; sluice recall ", target,
                           " --lift lets it serve again")
            : absl::StrCat(target, " is drained, not recalled; sluice undrain ", target,
                           " gives it new flows again"));
  }
  return absl::OkStatus();
}

v1::Event override_event(const OverrideOrder& order, const std::vector<v1::Override>& before) {
  const bool was_recalled = is_recalled(order.override, before);
  v1::Event event;
  switch (order.override.state()) {
    case v1::Override::STATE_RECALLED:
      event.set_kind("recall");
      break;
    case v1::Override::STATE_DRAINING:
      event.set_kind("drain");
      break;
    default:
      event.set_kind(was_recalled ? "recall.lift" : "undrain");
  }
  event.set_actor(order.author);
  event.set_target(target_of(order.override));
  event.set_outcome(v1::Event::OUTCOME_DONE);
  event.set_reason(order.reason);
  return event;
}

absl::Status check_exists(const v1::Override& change, const v1::Policy& policy) {
  const v1::Pool* pool = find_pool(policy, change.pool());
  std::vector<std::string> names;
  if (pool == nullptr) {
    for (const v1::Pool& each : policy.pools())
      names.push_back(each.metadata().name());
    return absl::NotFoundError(
        absl::StrCat("there is no pool ", quote(change.pool()), suggestion(change.pool(), names)));
  }
  if (change.backend().empty() || has_backend(*pool, change.backend())) return absl::OkStatus();
  for (const v1::Backend& each : pool->spec().backends())
    names.push_back(each.name());
  return absl::NotFoundError(absl::StrCat("pool ", change.pool(), " has no backend ",
                                          quote(change.backend()),
                                          suggestion(change.backend(), names)));
}

std::vector<v1::Override> overrides_of(const v1::SetOverrideRequest& request) {
  std::vector<v1::Override> changes = {request.override()};
  changes.insert(changes.end(), request.others().begin(), request.others().end());
  return changes;
}

absl::Status check_overrides(const v1::SetOverrideRequest& request) {
  for (const v1::Override& change : overrides_of(request)) {
    if (!v1::Override::State_IsValid(change.state())) {
      return absl::InvalidArgumentError(
          "override.state: draining, recalled, or unspecified to lift it");
    }
    if (change.state() != v1::Override::STATE_RECALLED) continue;
    if (!request.others().empty()) {
      return absl::InvalidArgumentError("others: a recall is of one pool or backend");
    }
    if (request.message().empty()) {
      return absl::InvalidArgumentError("message: a recall needs a reason; say it with --reason");
    }
  }
  return absl::OkStatus();
}

absl::Status check_overrides(const std::vector<v1::Override>& changes,
                             const std::vector<v1::Override>& before, const v1::Policy& policy) {
  std::vector<std::string> unknown;
  for (const v1::Override& change : changes) {
    const bool is_lifted = change.state() == v1::Override::STATE_UNSPECIFIED &&
                           std::any_of(before.begin(), before.end(),
                                       [&](const auto& each) { return same_place(each, change); });
    if (is_lifted) continue;
    const absl::Status status = check_exists(change, policy);
    if (!status.ok()) unknown.emplace_back(status.message());
  }
  if (!unknown.empty()) return absl::NotFoundError(absl::StrJoin(unknown, "\n"));
  for (const v1::Override& change : changes) {
    if (change.state() != v1::Override::STATE_DRAINING || !is_recalled(change, before)) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        target_of(change), " is recalled, which a drain would weaken: lift the recall first"));
  }
  return absl::OkStatus();
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Views as differences, and the first one kept made whole.
#include "dataplane/daemon/view_log.h"

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <utility>

namespace sluice::dataplane {
namespace {

auto key_of(const v1::BackendView& view) {
  return std::tie(view.pool(), view.backend(), view.address());
}

using RoutePools = std::map<std::pair<std::string, std::string>, bool>;  // whether it is degraded

RoutePools degraded_of(const v1::ViewRecord& record) {
  RoutePools degraded;
  for (const v1::DegradedView& view : record.degraded())
    degraded[{view.route(), view.pool()}] = view.is_degraded();
  return degraded;
}

void add_degraded(const std::pair<std::string, std::string>& pool, bool is_degraded,
                  v1::ViewRecord& record) {
  v1::DegradedView& view = *record.add_degraded();
  view.set_route(pool.first);
  view.set_pool(pool.second);
  view.set_is_degraded(is_degraded);
}

void add_degraded_changes(const v1::ViewRecord& before, const v1::ViewRecord& now,
                          v1::ViewRecord& changes) {
  const RoutePools old = degraded_of(before);
  RoutePools all = degraded_of(now);
  for (const auto& [pool, is_degraded] : old)
    all.try_emplace(pool, false);
  for (const auto& [pool, is_degraded] : all) {
    if (old.contains(pool) != is_degraded) add_degraded(pool, is_degraded, changes);
  }
}

// Those of `now` that are new or in another state. Both are sorted: one walk over the two.
v1::ViewRecord changes_between(const v1::ViewRecord& before, const v1::ViewRecord& now) {
  v1::ViewRecord changes;
  changes.set_view(now.view());
  changes.set_generation(now.generation());
  *changes.mutable_time() = now.time();
  if (before.can_record() != now.can_record()) changes.set_can_record(now.can_record());
  add_degraded_changes(before, now, changes);
  auto old = before.backends().begin();
  for (const v1::BackendView& backend : now.backends()) {
    while (old != before.backends().end() && key_of(*old) < key_of(backend))
      ++old;
    const bool is_same = old != before.backends().end() && key_of(*old) == key_of(backend) &&
                         old->state() == backend.state();
    if (!is_same) *changes.add_backends() = backend;
  }
  return changes;
}

// Makes `changes`, which follows `whole` in its generation, say everything.
void complete(const v1::ViewRecord& whole, v1::ViewRecord& changes) {
  google::protobuf::RepeatedPtrField<v1::BackendView> all = whole.backends();
  for (const v1::BackendView& changed : changes.backends()) {
    const auto place = std::lower_bound(
        all.begin(), all.end(), changed,
        [](const auto& left, const auto& right) { return key_of(left) < key_of(right); });
    if (place != all.end() && key_of(*place) == key_of(changed)) place->set_state(changed.state());
  }
  *changes.mutable_backends() = std::move(all);
  if (!changes.has_can_record()) changes.set_can_record(whole.can_record());
  RoutePools degraded = degraded_of(changes);
  degraded.merge(degraded_of(whole));  // where both speak, the later one counts
  changes.clear_degraded();
  for (const auto& [pool, is_degraded] : degraded) {
    if (is_degraded) add_degraded(pool, is_degraded, changes);
  }
  changes.set_is_complete(true);
}

}  // namespace

void ViewLog::add(v1::ViewRecord record) {
  const std::lock_guard lock(mutex_);
  record.set_is_complete(true);
  const bool goes_on = !kept_.empty() && newest_.generation() == record.generation();
  keep(goes_on ? changes_between(newest_, record) : record);
  newest_ = std::move(record);
  while (kept_.size() > 1 && (kept_.size() > kViewsMax || bytes_ > kBytesMax))
    drop_first();
}

void ViewLog::keep(v1::ViewRecord record) {
  const size_t bytes = record.SpaceUsedLong();
  bytes_ += bytes;
  kept_.push_back({std::move(record), bytes});
}

void ViewLog::drop_first() {
  const v1::ViewRecord first = std::move(kept_.front().record);
  bytes_ -= kept_.front().bytes;
  kept_.pop_front();
  Kept& next = kept_.front();
  if (next.record.is_complete()) return;
  complete(first, next.record);
  bytes_ -= next.bytes;
  next.bytes = next.record.SpaceUsedLong();
  bytes_ += next.bytes;
}

std::vector<v1::ViewRecord> ViewLog::list(uint64_t after) const {
  const std::lock_guard lock(mutex_);
  auto next =
      std::upper_bound(kept_.begin(), kept_.end(), after,
                       [](uint64_t view, const Kept& kept) { return view < kept.record.view(); });
  std::vector<v1::ViewRecord> listed;
  for (size_t bytes = 0; next != kept_.end(); ++next) {
    bytes += next->record.ByteSizeLong();
    if (!listed.empty() && bytes > kBytesPerListing) break;
    listed.push_back(next->record);
  }
  return listed;
}

}  // namespace sluice::dataplane

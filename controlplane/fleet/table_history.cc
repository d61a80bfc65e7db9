// SPDX-License-Identifier: Apache-2.0
//
// The tables that were pushed lately, so that nodes are sent what differs instead of everything.
#include "controlplane/fleet/table_history.h"

#include <iterator>

#include "dataplane/table/from_proto.h"

namespace sluice::controlplane {

void TableHistory::remember(Target target) {
  const absl::MutexLock lock(&mutex_);
  targets_.push_back(std::move(target));
  if (targets_.size() > kRemembered) targets_.pop_front();
}

Target TableHistory::find(const std::string& digest) const {
  for (const Target& target : targets_) {
    if (target->digest() == digest) return target;
  }
  return nullptr;
}

std::shared_ptr<const std::string> TableHistory::delta(const std::string& base_digest,
                                                       const dataplane::CanonicalTable& target) {
  Target base;
  {
    const absl::MutexLock lock(&mutex_);
    base = find(base_digest);
    const auto known = deltas_.find({base == nullptr ? "" : base_digest, target.digest()});
    if (known != deltas_.end()) return known->second;
  }
  // Outside the lock: with a large table this takes long, and the result does not depend on who
  // makes it.
  auto delta = std::make_shared<const std::string>(
      dataplane::make_delta(base.get(), target).SerializeAsString());
  const absl::MutexLock lock(&mutex_);
  for (auto known = deltas_.begin(); known != deltas_.end();) {
    known = known->first.second == target.digest() ? std::next(known) : deltas_.erase(known);
  }
  return deltas_.emplace(std::pair(base == nullptr ? "" : base_digest, target.digest()), delta)
      .first->second;
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The tables that were pushed lately, so that nodes are sent what differs instead of everything.
#include "controlplane/fleet/table_history.h"

#include "dataplane/table/from_proto.h"

namespace sluice::controlplane {

Target TableHistory::remember(const v1::ForwardingTable& table) {
  Target target{std::make_shared<const v1::ForwardingTable>(table), dataplane::table_digest(table)};
  const absl::MutexLock lock(&mutex_);
  targets_.push_back(target);
  if (targets_.size() > kRemembered) targets_.pop_front();
  deltas_.clear();
  return target;
}

std::shared_ptr<const v1::ForwardingTable> TableHistory::find(const std::string& digest) const {
  for (const Target& target : targets_) {
    if (target.digest == digest) return target.table;
  }
  return nullptr;
}

std::shared_ptr<const std::string> TableHistory::delta(const std::string& base_digest,
                                                       const Target& target) {
  std::shared_ptr<const v1::ForwardingTable> base;
  {
    const absl::MutexLock lock(&mutex_);
    base = find(base_digest);
    const auto known = deltas_.find({base == nullptr ? "" : base_digest, target.digest});
    if (known != deltas_.end()) return known->second;
  }
  // Outside the lock: with a large table this takes long, and the result does not depend on who
  // makes it.
  auto delta = std::make_shared<const std::string>(
      dataplane::make_delta(base.get(), *target.table).SerializeAsString());
  const absl::MutexLock lock(&mutex_);
  return deltas_.emplace(std::pair(base == nullptr ? "" : base_digest, target.digest), delta)
      .first->second;
}

}  // namespace sluice::controlplane

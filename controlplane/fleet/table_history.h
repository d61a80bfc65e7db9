// SPDX-License-Identifier: Apache-2.0
//
// The tables that were pushed lately, so that nodes are sent what differs instead of everything.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// A table that nodes should run.
struct Target {
  std::shared_ptr<const v1::ForwardingTable> table;  // null: there is none yet
  std::string digest;

  uint64_t generation() const { return table == nullptr ? 0 : table->generation(); }
};

// Thread: any.
class TableHistory {
 public:
  Target remember(const v1::ForwardingTable& table);

  // The serialized `TableDelta` to `target` from the table with `base_digest`, or from nothing when
  // that one is not remembered. Nodes with the same base share one delta.
  std::shared_ptr<const std::string> delta(const std::string& base_digest, const Target& target);

 private:
  // Pushes follow each other; a node that is further behind is sent everything.
  static constexpr size_t kRemembered = 4;

  std::shared_ptr<const v1::ForwardingTable> find(const std::string& digest) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::deque<Target> targets_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const std::string>> deltas_
      ABSL_GUARDED_BY(mutex_);  // by digests of base and target; of the newest target only
};

}  // namespace sluice::controlplane

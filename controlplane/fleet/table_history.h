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
#include "dataplane/table/canonical_from_proto.h"

namespace sluice::controlplane {

// The table that nodes should run; null: there is none yet.
using Target = std::shared_ptr<const dataplane::CanonicalTable>;

// Thread: any.
class TableHistory {
 public:
  // Nodes run it from now on.  Shape: not null.
  void remember(Target target);

  // The serialized `TableDelta` to `target` from the table with `base_digest`, or from nothing when
  // that one is not remembered. Nodes with the same base share one delta.
  std::shared_ptr<const std::string> delta(const std::string& base_digest,
                                           const dataplane::CanonicalTable& target);

 private:
  // Pushes follow each other; a node that is further behind is sent everything.
  static constexpr size_t kRemembered = 4;

  Target find(const std::string& digest) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  std::deque<Target> targets_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const std::string>> deltas_
      ABSL_GUARDED_BY(mutex_);  // by digests of base and target; of the newest target only
};

}  // namespace sluice::controlplane

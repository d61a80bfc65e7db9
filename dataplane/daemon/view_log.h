// SPDX-License-Identifier: Apache-2.0
//
// The node's last views, so that what it would have done with a flow at a time can be told later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "sluice/v1/audit.pb.h"

namespace sluice::dataplane {

// Keeps the newest views: the first one kept and the first of each generation are complete, the
// others say what changed.  Thread: any.
class ViewLog {
 public:
  static constexpr size_t kViewsMax = 4096;
  static constexpr size_t kBytesMax = 64u << 20;
  static constexpr size_t kBytesPerListing = 4u << 20;

  // Shape: `record` says everything, its backends sorted by pool, name and address; its view is
  // newer than those before.
  void add(v1::ViewRecord record);

  // Those after `after`, in order; as many as fit kBytesPerListing, at least one when there is one:
  // ask again with the last one's number.
  std::vector<v1::ViewRecord> list(uint64_t after) const;

 private:
  struct Kept {
    v1::ViewRecord record;
    size_t bytes = 0;
  };

  void keep(v1::ViewRecord record);
  void drop_first();

  mutable std::mutex mutex_;  // guards the rest
  std::deque<Kept> kept_;
  size_t bytes_ = 0;
  v1::ViewRecord newest_;  // complete
};

}  // namespace sluice::dataplane

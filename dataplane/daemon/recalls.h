// SPDX-License-Identifier: Apache-2.0
//
// Which recalls are in force on this node, and what became of the flows that they cut.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/daemon/conditions.h"
#include "dataplane/daemon/fabric.h"
#include "dataplane/table/registry.h"
#include "sluice/v1/dataplane.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::dataplane {

struct ActiveRecall {
  std::string pool;
  std::string backend;        // empty: the whole pool
  uint64_t number = 0;        // that snapshots carry; lcores that have swept for it are done
  int64_t since_unix_ms = 0;  // in force here
  // By TargetId: how many flows recalls had cut before this one.
  std::shared_ptr<const std::vector<uint64_t>> cut_before;
};

// Thread: control.
class Recalls {
 public:
  // Follows the overrides of the table that will be published next.
  // Shape: no flow has a target of `targets_end` or above.
  void follow(const v1::ForwardingTable& message, const std::vector<JudgedBackend>& judged,
              const Cores& cores, uint32_t targets_end, int64_t now_unix_ms);

  // Of the newest recall, which the snapshot must carry: another one whenever a backend is recalled
  // that was not.
  uint64_t number() const { return number_; }
  const std::vector<ActiveRecall>& active() const { return active_; }

 private:
  uint64_t number_ = 0;
  std::vector<ActiveRecall> active_;
  std::vector<BackendId> recalled_;  // sorted
};

// Of each recall: what the lcores' counters say now. Residual are the flows of backends that the
// table still has; a flow of one that it has no more goes elsewhere with its next packet.
// Thread: any.
std::vector<v1::RecallStatus> recall_status(const std::vector<ActiveRecall>& recalls,
                                            const std::vector<v1::BackendStatus>& backends,
                                            const Cores& cores, const Registry& registry);

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// How many flows each monitoring guardrail would have refused.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "controlplane/audit/segment/row_source.h"
#include "controlplane/store/database.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/segment.pb.h"

namespace sluice::controlplane {

// Thread: one at a time.
class RefusalCounts {
 public:
  // Counts records of starts in memory.  Errors: of `RowSource::read`.
  absl::Status add(const RowSource& source);
  // What a sealed segment says.
  void add(const v1::SegmentDirectory& segment);
  // What was saved.
  absl::Status load(Database& database);
  // Adds it to what was saved.
  absl::Status save(Database& database) const;

  // Sorted by guardrail; none for one that no flow was counted for. `flows` are `revision`'s.
  std::vector<v1::WouldRefuse> of(uint64_t revision) const;

 private:
  struct Count {
    uint64_t flows = 0;
    int64_t last_ns = 0;
  };
  void add(const std::string& guardrail, uint64_t revision, const Count& more);

  std::map<std::pair<std::string, uint64_t>, Count> counts_;  // by guardrail and revision
};

}  // namespace sluice::controlplane

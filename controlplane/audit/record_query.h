// SPDX-License-Identifier: Apache-2.0
//
// The first records that fit a query, from one source after the other.
#pragma once

#include <map>

#include "absl/status/status.h"
#include "controlplane/audit/record_filter.h"

namespace sluice::controlplane {

// Thread: one at a time.
class RecordQuery {
 public:
  // Errors: INVALID_ARGUMENT (limit, prefix, page token).
  static absl::StatusOr<RecordQuery> of(const v1::QueryRecordsRequest& request);

  const RecordCondition& condition() const { return condition_; }
  // False: what starts in these times comes behind all that is asked for, or before it.
  bool wants(int64_t first_start_ns, int64_t last_start_ns) const;
  // Shape: `segment` is the number that the source has or will have.
  // Errors: of the source; DATA_LOSS.
  absl::Status add(const RowSource& source, uint64_t segment);
  v1::QueryRecordsResponse finish() &&;

 private:
  absl::Status add_block(const RowSource& source, size_t block, const std::vector<FoundRow>& found);

  RecordCondition condition_;
  size_t limit_ = 0;
  std::map<RecordPlace, v1::FlowRecord> best_;  // one more than the limit: is there a next page?
};

}  // namespace sluice::controlplane

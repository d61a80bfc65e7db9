// SPDX-License-Identifier: Apache-2.0
//
// How many flows each monitoring guardrail would have refused, counted as records come in.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/store/database.h"
#include "sluice/v1/audit.pb.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

// What one batch of new records adds.
class RefusalCounts {
 public:
  // Counts the record when it is one of a start.
  void add(const v1::FlowRecord& record);
  // Inside the transaction that writes the records.
  absl::Status save(Database& database) const;

 private:
  struct Count {
    uint64_t flows = 0;
    int64_t last_ns = 0;
  };
  std::map<std::pair<std::string, uint64_t>, Count> counts_;  // by guardrail and revision
};

// Sorted by guardrail; none for one that no flow was counted for. `flows` are `revision`'s.
absl::StatusOr<std::vector<v1::WouldRefuse>> read_refusal_counts(Database& database,
                                                                 uint64_t revision);

}  // namespace sluice::controlplane

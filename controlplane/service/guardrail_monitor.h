// SPDX-License-Identifier: Apache-2.0
//
// Monitoring guardrails at work: which of the flows that nodes record they would have refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "controlplane/planner/would_refuse.h"
#include "controlplane/store/event_log.h"
#include "controlplane/store/revision_store.h"

namespace sluice::controlplane {

// Each flow is judged by the revision that was in force when its part began. Revisions are read
// once, not per record.  Thread: any.
class GuardrailMonitor {
 public:
  // Records of more revisions than these are seldom on their way at once: long flows' ends name old
  // ones.
  static constexpr size_t kRevisionsKept = 8;

  GuardrailMonitor(RevisionStore& store, EventLog& events) : store_(store), events_(events) {}

  // Sets `would_refuse`. The first flow that a guardrail would have refused under a revision is an
  // event. Records of revisions that the store does not have, of before a restore, stay as they
  // are.  Errors: those of the disk; then the record is as it was.
  absl::Status mark(v1::FlowRecord& record);

 private:
  struct Judge {
    uint64_t revision = 0;
    std::unique_ptr<const WouldRefuse> would_refuse;  // null: nothing monitors
    absl::flat_hash_set<std::string> told;            // guardrails whose event is written
  };

  // Null: there is no such revision.
  absl::StatusOr<Judge*> judge_of(uint64_t revision) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status tell(const v1::FlowRecord& record, const std::string& guardrail);

  RevisionStore& store_;
  EventLog& events_;
  absl::Mutex mutex_;
  std::vector<Judge> judges_ ABSL_GUARDED_BY(mutex_);  // the last one that was asked is first
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Flow records of all nodes, durable and searchable.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/audit/share_counts.h"
#include "controlplane/store/database.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

// Up to where one incarnation's records are here.
struct RecordCursor {
  std::string incarnation;  // empty: none yet
  uint64_t sequence = 0;
};

struct InsertResult {
  uint64_t inserted = 0;
  uint64_t duplicates = 0;  // were here already
  uint64_t missing = 0;     // sequence numbers that were skipped: lost records
};

// Thread: any. Writing and searching do not wait for each other.
class RecordStore {
 public:
  // Opens or makes `directory`/records.db.  Errors: as `Database::open`.
  static absl::StatusOr<std::unique_ptr<RecordStore>> open(const std::string& directory);

  // Durable when it returns. `records` come from one node, in the order of their sequence per
  // incarnation. Errors: INVALID_ARGUMENT (another node's record), else of the disk; then nothing
  // of the batch is there.
  absl::StatusOr<InsertResult> insert(const std::string& node,
                                      std::span<const v1::FlowRecord> records);

  // Where to resume reading from `node`: its newest incarnation.
  absl::StatusOr<RecordCursor> cursor(const std::string& node);

  // Errors: INVALID_ARGUMENT (limit, prefix, page token).
  absl::StatusOr<v1::QueryRecordsResponse> query(const v1::QueryRecordsRequest& request);

  // Of flows that began at `since` or later; `service` empty: of all.
  absl::StatusOr<ShareCounts> shares(const std::string& service, absl::Time since);

  // What monitoring guardrails would have refused, under `revision` and in all; sorted by
  // guardrail.
  absl::StatusOr<std::vector<v1::WouldRefuse>> would_refuse(uint64_t revision);

  // Deletes what started before `oldest`, a bounded number of records per transaction. Returns how
  // many.
  absl::StatusOr<uint64_t> expire(absl::Time oldest);

 private:
  RecordStore(Database writer, Database reader)
      : writer_(std::move(writer)), reader_(std::move(reader)) {}

  absl::Mutex write_mutex_;
  Database writer_ ABSL_GUARDED_BY(write_mutex_);
  absl::Mutex read_mutex_;
  Database reader_ ABSL_GUARDED_BY(read_mutex_);
};

}  // namespace sluice::controlplane

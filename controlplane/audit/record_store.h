// SPDX-License-Identifier: Apache-2.0
//
// Flow records of all nodes, durable and searchable.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/audit/segment/journal.h"
#include "controlplane/audit/segment/row_buffer.h"
#include "controlplane/audit/segment/seal.h"
#include "controlplane/audit/segment/segment.h"
#include "controlplane/audit/segment_catalog.h"
#include "controlplane/audit/share_counts.h"
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

// When what came is sealed as a segment.
struct SegmentLimits {
  size_t records_max = kSegmentRowsMax;
  absl::Duration interval = absl::Seconds(60);  // after its first record
};

// What the signed log has of segments.
struct SignedSegments {
  uint64_t last = 0;  // new ones are numbered from there on
  // Says in the log that segments do not go on from its last one: the store has none after this.
  std::function<absl::Status(uint64_t last)> on_break;
};

// Records come into a journal and into memory; a thread seals them as segments. A search looks into
// memory while no record comes in, and into segments at any time.  Thread: any.
class RecordStore {
 public:
  // Opens or makes `directory`/records.db and `directory`/segments; what an older program wrote
  // into records.db becomes segments.  Errors: as `Database::open`; DATA_LOSS (damaged; says file
  // and position), UNAVAILABLE.
  // `logged` unset: there is no signed log.
  static absl::StatusOr<std::unique_ptr<RecordStore>> open(
      const std::string& directory, const SegmentLimits& limits = {},
      const std::optional<SignedSegments>& logged = std::nullopt);
  // What is not sealed stays in the journal.
  ~RecordStore();

  // Durable when it returns. `records` come from one node, in the order of their sequence per
  // incarnation. Errors: INVALID_ARGUMENT (another node's record, one of no client), else of the
  // disk; then nothing of the batch is there.
  absl::StatusOr<InsertResult> insert(const std::string& node,
                                      std::span<const v1::FlowRecord> records);

  // Where to resume reading from `node`: its newest incarnation.
  absl::StatusOr<RecordCursor> cursor(const std::string& node);

  // Errors: INVALID_ARGUMENT (limit, prefix, page token), DATA_LOSS, UNAVAILABLE.
  absl::StatusOr<v1::QueryRecordsResponse> query(const v1::QueryRecordsRequest& request);

  // Of flows that began at `since` or later; `service` empty: of all.
  absl::StatusOr<ShareCounts> shares(const std::string& service, absl::Time since);

  // What monitoring guardrails would have refused, under `revision` and in all; sorted by
  // guardrail.
  absl::StatusOr<std::vector<v1::WouldRefuse>> would_refuse(uint64_t revision);

  // Deletes the segments of which every record started before `oldest`. Returns how many records
  // those were.
  absl::StatusOr<uint64_t> expire(absl::Time oldest);

  // Of sealed segments above `number`, ascending, `count_max` at most.  Errors: as `query`.
  absl::StatusOr<std::vector<v1::SegmentHead>> heads_after(uint64_t number, size_t count_max);
  // The log has all up to this one by now, which may expire then.
  void set_logged(uint64_t number);

  // Seals all that is there, and waits for it.  Errors: UNAVAILABLE; it is tried again.
  absl::Status seal();

 private:
  // What one segment will hold.
  struct OpenSegment {
    uint64_t number = 0;
    absl::Time since;  // of its first record
    RowBuffer rows;
    SequenceBook book;
  };

  RecordStore(std::filesystem::path folder, const SegmentLimits& limits, SegmentCatalog catalog)
      : folder_(std::move(folder)), limits_(limits), catalog_(std::move(catalog)) {}
  absl::Status start(const std::optional<SignedSegments>& logged);
  absl::Status import_old() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<StreamEnds> ends_of_segments() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status adopt_unknown(uint64_t last) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status find_segments(const std::optional<SignedSegments>& logged)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status replay_journals() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status seal_replayed() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status replay(uint64_t number) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::StatusOr<InsertResult> collect(const std::string& node,
                                       std::span<const v1::FlowRecord> records)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status make_room(size_t records) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  uint64_t take(std::string_view record) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status rotate() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status wait_for_sealing() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void run();
  absl::StatusOr<SealedSegment> write_sealed(const OpenSegment& segment) const;
  absl::Status add_sealed(const SealedSegment& sealed) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool is_idle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return sealing_ == nullptr; }
  bool has_work() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return stopping_ || sealing_ != nullptr;
  }
  bool is_stopping() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_; }

  const std::filesystem::path folder_;  // of segments and journals
  const SegmentLimits limits_;

  absl::Mutex mutex_;
  SegmentCatalog catalog_ ABSL_GUARDED_BY(mutex_);
  std::optional<uint64_t> logged_ ABSL_GUARDED_BY(mutex_);  // unset: there is no log
  std::vector<SegmentInfo> segments_ ABSL_GUARDED_BY(mutex_);
  StreamEnds streams_ ABSL_GUARDED_BY(mutex_);                          // with what is not sealed
  std::map<std::string, std::string> newest_ ABSL_GUARDED_BY(mutex_);   // incarnation by node
  std::shared_ptr<OpenSegment> active_ ABSL_GUARDED_BY(mutex_);         // takes records
  std::shared_ptr<const OpenSegment> sealing_ ABSL_GUARDED_BY(mutex_);  // full; null: none
  std::unique_ptr<Journal> journal_ ABSL_GUARDED_BY(mutex_);            // of `active_`
  JournalBatch batch_ ABSL_GUARDED_BY(mutex_);
  std::string seal_error_ ABSL_GUARDED_BY(mutex_);  // of the last try; empty: it went well
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice::controlplane

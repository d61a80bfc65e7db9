// SPDX-License-Identifier: Apache-2.0
//
// Keeps flow records on disk until somebody has them: numbered, in order, bounded.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/daemon/disk.h"
#include "dataplane/daemon/spool_segment.h"
#include "sluice/v1/audit.pb.h"

namespace sluice::dataplane {

// When the limit is reached the oldest segment goes; its records that nobody had acknowledged are
// lost, counted.
struct SpoolLimits {
  uint64_t segment_bytes = 8u << 20;
  uint64_t total_bytes = 512u << 20;
  // In memory while the disk fails. Those flows that began before refusals set in, and the ends of
  // live ones: some 200,000 records.
  uint64_t waiting_bytes = 64u << 20;
};

// Thread: any; every call locks.
class RecordSpool {
 public:
  // A reader's place. Default: before everything that is kept.
  struct Cursor {
    uint64_t segment = 0;
    uint64_t offset = 0;
  };

  // Takes over what earlier incarnations left in `directory`; what was torn or damaged is told in
  // `complaints`. Errors: INTERNAL (disk).
  static absl::StatusOr<std::unique_ptr<RecordSpool>> open(const std::string& directory,
                                                           const std::string& incarnation,
                                                           const SpoolLimits& limits,
                                                           std::vector<std::string>& complaints);

  ~RecordSpool();  // removes what is acknowledged as a whole

  // Numbers the records and writes them; they survive the process at once, the machine after
  // `sync`. From a failure until `retry` succeeds they wait in memory; what does not fit there is
  // lost and counted, and its numbers are missing for ever.
  // Errors: INTERNAL (disk): of the write that fails first.
  absl::Status append(std::span<v1::FlowRecord> records);
  // Errors: INTERNAL (disk).
  absl::Status sync();
  // After a failure: writes what waits, then tries whether the disk holds more. OK when nothing has
  // failed.  Thread: the one that appends.  Errors: INTERNAL (disk): it still fails.
  absl::Status retry();

  // The next records from `cursor`, which moves on: in order, of one incarnation, without those
  // acknowledged; empty when there are no more now.  Errors: INTERNAL (disk), DATA_LOSS (a damaged
  // entry): the next call goes on behind it.
  absl::StatusOr<std::vector<v1::FlowRecord>> read(Cursor& cursor, size_t count_max);
  // Waits until something was appended since the call, or the time is over.
  void wait_for_more(std::chrono::milliseconds timeout);
  // Records of `incarnation` up to `sequence` need not be kept.
  void acknowledge(const std::string& incarnation, uint64_t sequence);

  // How many flows live: each will still write its end.
  void expect(uint64_t live_flows);
  // Whether a record written now will be kept until somebody has it: the disk takes records, which
  // after a failure only `retry` finds out, and there is room for the ends of the flows that live,
  // for which half of the spool is kept free at most.
  bool can_keep() const;
  // Records that are not written because there is no room for them.
  void lose(uint64_t count);

  uint64_t pending() const;  // kept and not acknowledged
  uint64_t waiting() const;  // of those, in memory only
  uint64_t lost() const;     // by this incarnation

 private:
  // Entries in a row.
  struct Block {
    uint64_t first_sequence = 0;
    uint64_t count = 0;
    std::string bytes;
  };

  RecordSpool(std::string directory, std::string incarnation, const SpoolLimits& limits)
      : directory_(std::move(directory)), incarnation_(std::move(incarnation)), limits_(limits) {}

  absl::Status adopt_old_segments(std::vector<std::string>& complaints);
  absl::Status roll();
  absl::Status write_block(const Block& block);
  void keep_waiting(Block block);
  absl::Status write_waiting();
  void drop_oldest();
  void remove_acknowledged();
  void remove_front();
  uint64_t unacknowledged(const SpoolSegment& segment) const;

  const std::string directory_;
  const std::string incarnation_;
  const SpoolLimits limits_;
  mutable std::mutex mutex_;  // guards the rest
  std::condition_variable appended_;
  std::deque<SpoolSegment> segments_;  // the last one is being written
  Descriptor current_;
  uint64_t next_segment_ = 1;
  uint64_t next_sequence_ = 1;
  uint64_t lost_ = 0;
  bool has_failed_ = false;     // and `retry` has not succeeded since
  std::deque<Block> waiting_;   // empty unless it has failed
  uint64_t waiting_bytes_ = 0;  // of their entries
  uint64_t live_flows_ = 0;
  uint64_t record_bytes_ = 256;  // the largest mean of a block so far
  uint64_t total_bytes_ = 0;
  std::map<std::string, uint64_t> acknowledged_;  // by incarnation
};

}  // namespace sluice::dataplane

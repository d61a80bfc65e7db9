// SPDX-License-Identifier: Apache-2.0
//
// What the record store knows without opening a segment.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "controlplane/audit/refusal_counts.h"
#include "controlplane/audit/sequence_book.h"
#include "controlplane/store/database.h"
#include "sluice/v1/segment.pb.h"

namespace sluice::controlplane {

struct SegmentInfo {
  uint64_t number = 0;
  uint64_t records = 0;
  int64_t first_start_ns = 0, last_start_ns = 0;
};

// Where a node's streams end, which of them came last, and what segments there are: in SQLite, one
// transaction per segment.  Thread: one at a time.
class SegmentCatalog {
 public:
  // Errors: as `Database::open`.
  static absl::StatusOr<SegmentCatalog> open(const std::string& path);

  // Oldest first.
  absl::StatusOr<std::vector<SegmentInfo>> segments();
  absl::StatusOr<StreamEnds> streams();
  // The newest incarnation of each node.
  absl::StatusOr<std::map<std::string, std::string>> newest();
  // The number of the last segment that was added; 0: none yet.
  absl::StatusOr<uint64_t> last_number();
  absl::StatusOr<RefusalCounts> refusals();

  // Once it is on disk.
  absl::Status add(const v1::SegmentDirectory& segment);
  // Once its files are gone.
  absl::Status remove(uint64_t number);

  // Records that an older program wrote into this file, `count_max` at most, oldest first, with
  // their row numbers.
  absl::StatusOr<uint64_t> read_old(
      size_t count_max, const std::function<absl::Status(const std::string& record)>& each);
  // Like `add`, and deletes the old records up to this row number. Streams and counts know them.
  absl::Status replace_old(const v1::SegmentDirectory& segment, uint64_t last_row);

 private:
  explicit SegmentCatalog(Database database) : database_(std::move(database)) {}
  absl::Status add_segment(const v1::SegmentHead& head);
  absl::Status add_streams(const v1::SegmentHead& head);

  Database database_;
};

}  // namespace sluice::controlplane

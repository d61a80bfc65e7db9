// SPDX-License-Identifier: Apache-2.0
//
// Checks a folder's segments against the heads that the log has of them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "sluice/v1/log.pb.h"

namespace sluice::controlplane {

// Takes all heads of a log, in order.
class FolderCheck {
 public:
  // Errors: NOT_FOUND, UNAVAILABLE (the folder cannot be listed).
  static absl::StatusOr<FolderCheck> open(std::filesystem::path folder);

  // Hashes every record of the segment, if it is here.  Errors: DATA_LOSS (says which record does
  // not fit and why), UNAVAILABLE.
  absl::Status add(const v1::SegmentHead& signed_head);
  // The log says that segments before this point may have been lost.
  void add_break() { absent_since_break_.clear(); }
  // After the last.  Errors: DATA_LOSS (a segment is not here and had no reason to expire, or one
  // is here under a number that the log passed over).
  absl::Status finish() const;

  uint64_t segments() const { return segments_; }  // that are here and fit
  uint64_t records() const { return records_; }    // in these
  uint64_t absent() const { return absent_; }      // segments of the log that are not here
  // Numbers of segments that are here and not in the log.
  const std::set<uint64_t>& unlogged() const { return unlogged_; }

 private:
  struct Absent {
    uint64_t number;
    int64_t last_start_s;
  };

  explicit FolderCheck(std::filesystem::path folder) : folder_(std::move(folder)) {}
  void add_absent(const v1::SegmentHead& head);

  std::filesystem::path folder_;
  std::set<uint64_t> unlogged_;
  std::vector<Absent> absent_since_break_;
  int64_t oldest_here_s_ = std::numeric_limits<int64_t>::max();  // by the last start
  uint64_t first_ = 0, last_ = 0;                                // numbers of the log
  uint64_t segments_ = 0;
  uint64_t records_ = 0;
  uint64_t absent_ = 0;
};

}  // namespace sluice::controlplane

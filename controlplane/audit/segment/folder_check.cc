// SPDX-License-Identifier: Apache-2.0
//
// Checks a folder's segments against the heads that the log has of them.
#include "controlplane/audit/segment/folder_check.h"

#include <algorithm>
#include <utility>

#include "controlplane/audit/segment/segment.h"
#include "controlplane/audit/segment/segment_check.h"
#include "controlplane/audit/segment/segment_files.h"
#include "fmt/format.h"

namespace sluice::controlplane {

absl::StatusOr<FolderCheck> FolderCheck::open(std::filesystem::path folder) {
  FolderCheck check(std::move(folder));
  absl::StatusOr<std::set<uint64_t>> numbers = numbers_of(check.folder_, kPublicEnding);
  if (!numbers.ok()) return numbers.status();
  check.unlogged_ = *std::move(numbers);
  return check;
}

void FolderCheck::add_absent(const v1::SegmentHead& head) {
  ++absent_;
  absent_since_break_.push_back({head.number(), head.last_start().seconds()});
}

absl::Status FolderCheck::add(const v1::SegmentHead& signed_head) {
  const uint64_t number = signed_head.number();
  if (first_ == 0) first_ = number;
  last_ = number;
  unlogged_.erase(number);
  // Of a folder in use, one that was listed may have expired, and one that was not is here by now.
  absl::StatusOr<Segment> segment = Segment::open(folder_, number);
  if (!segment.ok() && !std::filesystem::exists(public_path(folder_, number))) {
    add_absent(signed_head);
    return absl::OkStatus();
  }
  if (!segment.ok()) return absl::DataLossError(segment.status().message());
  if (absl::Status status = segment->load(); !status.ok()) return status;
  const SegmentCheck check = check_segment(*segment, signed_head);
  if (check.first_bad) {
    return absl::DataLossError(
        fmt::format("{}: record {} of {} does not fit: {}", public_path(folder_, number).string(),
                    *check.first_bad + 1, signed_head.records(), check.problem));
  }
  ++segments_;
  records_ += signed_head.records();
  oldest_here_s_ = std::min<int64_t>(oldest_here_s_, signed_head.last_start().seconds());
  return absl::OkStatus();
}

// Retention goes by the last start of a segment's records: it leaves none that are older.
absl::Status FolderCheck::finish() const {
  for (const Absent& absent : absent_since_break_) {
    if (absent.last_start_s <= oldest_here_s_) continue;
    return absl::DataLossError(
        fmt::format("{}: segment {} is not here, and older ones are: it did not expire",
                    folder_.string(), absent.number));
  }
  const auto passed_over = unlogged_.lower_bound(first_);
  if (passed_over == unlogged_.end() || *passed_over >= last_) return absl::OkStatus();
  return absl::DataLossError(
      fmt::format("{}: segment {} is here, and the log has none of that number", folder_.string(),
                  *passed_over));
}

}  // namespace sluice::controlplane

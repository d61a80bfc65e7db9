// SPDX-License-Identifier: Apache-2.0
//
// One file of the record spool: a head, then entries of length, CRC, sequence number and one
// serialized record.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/daemon/disk.h"
#include "sluice/v1/audit.pb.h"

namespace sluice::dataplane {

// What is known of a segment without reading it.
struct SpoolSegment {
  uint64_t number = 0;  // in the order of writing, across incarnations
  std::string path;
  std::string incarnation;
  uint64_t first_sequence = 0;  // 0: no record yet
  uint64_t last_sequence = 0;
  uint64_t size_bytes = 0;  // up to the end of the last whole entry

  uint64_t count() const { return first_sequence == 0 ? 0 : last_sequence - first_sequence + 1; }
};

struct OpenedSegment {
  SpoolSegment segment;
  uint64_t torn_bytes = 0;  // behind the last whole entry; they are cut off
};

// Makes an empty segment and opens it for writing.  Errors: INTERNAL (disk).
absl::StatusOr<Descriptor> create_segment(const std::string& directory, SpoolSegment& segment);
// Reads a segment of an earlier run and cuts off a torn end.  Errors: DATA_LOSS (the head is
// damaged), INTERNAL.
absl::StatusOr<OpenedSegment> open_segment(const std::string& path, uint64_t number);

// Appends one entry to `block`.
void append_entry(uint64_t sequence, const v1::FlowRecord& record, std::string& block);

// Up to `count_max` records from `offset`, which moves on; entries beyond `end` are not touched.
// Errors: DATA_LOSS (an entry is damaged), INTERNAL (disk).
absl::StatusOr<std::vector<v1::FlowRecord>> read_entries(const Descriptor& file, uint64_t end,
                                                         uint64_t& offset, size_t count_max);

inline constexpr size_t kSegmentHeadBytes = 64;

}  // namespace sluice::dataplane

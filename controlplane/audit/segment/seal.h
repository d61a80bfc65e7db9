// SPDX-License-Identifier: Apache-2.0
//
// Unsealed rows become a segment's two files.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "controlplane/audit/segment/row_buffer.h"
#include "sluice/v1/segment.pb.h"

namespace sluice::controlplane {

struct SealedSegment {
  v1::SegmentDirectory directory;  // of the public file
  std::string public_file;
  std::string private_file;
};

// `head` has number and streams; the rest is set here. Each client's rows come together, in the
// order in which they came, and clients in the order of their salts: whoever looks for one client
// finds its rows in one place, and the place says nothing of the address.
// Shape: rows.rows() > 0.
SealedSegment seal(const RowBuffer& rows, v1::SegmentHead head);

// The segment is there as soon as its public file is, and durable on return.  Errors: UNAVAILABLE.
absl::Status write_segment(const std::filesystem::path& folder, const SealedSegment& segment);

}  // namespace sluice::controlplane

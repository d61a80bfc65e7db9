// SPDX-License-Identifier: Apache-2.0
//
// Checks a segment's records against the root that was signed for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "controlplane/audit/segment/segment.h"

namespace sluice::controlplane {

struct SegmentCheck {
  // The first row that does not fit, and why; unset: every one does.
  std::optional<uint64_t> first_bad;
  std::string problem;
};

// Hashes every record. `segment` must be loaded; `signed_head` is what the log says of it.
SegmentCheck check_segment(const Segment& segment, const v1::SegmentHead& signed_head);

}  // namespace sluice::controlplane

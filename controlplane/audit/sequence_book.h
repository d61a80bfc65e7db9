// SPDX-License-Identifier: Apache-2.0
//
// Which records of each node's stream are here, and which never came.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/v1/log.pb.h"

namespace sluice::controlplane {

// By node and incarnation.
using StreamKey = std::pair<std::string, std::string>;
using StreamEnds = std::map<StreamKey, uint64_t>;  // the last sequence that is here

// Of one segment.  Thread: one at a time.
class SequenceBook {
 public:
  // Shape: `sequence` is above the stream's end, which the caller knows as `end`.
  // Returns how many were skipped.
  uint64_t add(const StreamKey& stream, uint64_t end, uint64_t sequence);

  size_t streams() const { return streams_.size(); }
  // Sorted by node and incarnation.
  void write(v1::SegmentHead& head) const;

 private:
  std::map<StreamKey, v1::SegmentStream> streams_;
};

}  // namespace sluice::controlplane

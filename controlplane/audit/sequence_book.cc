// SPDX-License-Identifier: Apache-2.0
//
// Which records of each node's stream are here, and which never came.
#include "controlplane/audit/sequence_book.h"

namespace sluice::controlplane {
namespace {

constexpr int kRangesMax = 100;  // of a stream
// An entry of the log holds 64 KiB. What of a head does not fit are the ranges of many streams.
constexpr size_t kHeadBytesMax = 60'000;

}  // namespace

uint64_t SequenceBook::add(const StreamKey& key, uint64_t end, uint64_t sequence) {
  v1::SegmentStream& stream = streams_[key];
  if (stream.records() == 0) {
    stream.set_node(key.first);
    stream.set_incarnation(key.second);
    stream.set_after(end);
  }
  stream.set_last(sequence);
  stream.set_records(stream.records() + 1);
  const uint64_t missing = sequence - end - 1;
  if (missing == 0) return 0;
  stream.set_missing_count(stream.missing_count() + missing);
  if (stream.missing_size() < kRangesMax) {
    v1::SequenceRange& range = *stream.add_missing();
    range.set_first(end + 1);
    range.set_last(sequence - 1);
  }
  return missing;
}

void SequenceBook::write(v1::SegmentHead& head) const {
  for (const auto& [key, stream] : streams_)
    *head.add_streams() = stream;
  if (head.ByteSizeLong() <= kHeadBytesMax) return;
  for (v1::SegmentStream& stream : *head.mutable_streams())
    stream.clear_missing();
}

}  // namespace sluice::controlplane

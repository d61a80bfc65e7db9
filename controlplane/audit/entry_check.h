// SPDX-License-Identifier: Apache-2.0
//
// Whether the log's entries follow each other: what signatures alone do not say.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "sluice/v1/log.pb.h"

namespace sluice::controlplane {

// Takes all entries of a log, in order.
class EntryCheck {
 public:
  // Where the entry is the head of a segment that follows: the head, until the next call.
  const v1::SegmentHead* add(uint64_t index, const std::string& bytes);

  struct Events {
    uint64_t count = 0;
    uint64_t restores = 0;
    v1::Event first, last;
  };
  struct Segments {
    uint64_t count = 0;
    uint64_t breaks = 0;
    uint64_t first = 0, last = 0;  // numbers
    uint64_t records = 0;
    uint64_t missing = 0;  // records that nodes wrote and that never came
  };
  const Events& events() const { return events_; }
  const Segments& segments() const { return segments_; }
  // The first entry that does not follow the ones before, and why; unset: all do.
  const std::optional<uint64_t>& first_bad() const { return first_bad_; }
  const std::string& problem() const { return problem_; }

 private:
  void add_event(uint64_t index, const v1::Event& event);
  bool add_segment(uint64_t index, const v1::SegmentHead& head);
  bool follows(uint64_t index, const v1::SegmentStream& stream);
  void blame(uint64_t index, std::string problem);

  v1::LogEntry entry_;
  Events events_;
  Segments segments_;
  uint64_t next_event_ = 1;
  bool is_broken_ = false;  // since the last segment
  std::map<std::pair<std::string, std::string>, uint64_t> ends_;  // by node and incarnation
  std::optional<uint64_t> first_bad_;
  std::string problem_;
};

}  // namespace sluice::controlplane

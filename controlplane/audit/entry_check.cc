// SPDX-License-Identifier: Apache-2.0
//
// Whether the log's entries follow each other.
#include "controlplane/audit/entry_check.h"

#include "fmt/format.h"

namespace sluice::controlplane {

const v1::SegmentHead* EntryCheck::add(uint64_t index, const std::string& bytes) {
  if (!entry_.ParseFromString(bytes)) {
    blame(index, "it is no entry");
    return nullptr;
  }
  switch (entry_.what_case()) {
    case v1::LogEntry::kEvent:
      add_event(index, entry_.event());
      break;
    case v1::LogEntry::kRestored:
      // What was signed before is not taken back by going on later.
      if (entry_.restored().sequence() >= next_event_) {
        blame(index, fmt::format("the store went back to event {}, which is not here",
                                 entry_.restored().sequence()));
      }
      next_event_ = entry_.restored().sequence() + 1;
      ++events_.restores;
      break;
    case v1::LogEntry::kSegment:
      return add_segment(index, entry_.segment()) ? &entry_.segment() : nullptr;
    case v1::LogEntry::kSegmentBreak:
      if (entry_.segment_break().segment() > segments_.last) {
        blame(index, fmt::format("segments break off after {}, which is not here",
                                 entry_.segment_break().segment()));
      }
      ends_.clear();
      is_broken_ = true;
      ++segments_.breaks;
      break;
    default:
      blame(index, "it is of a kind that this version does not know");
  }
  return nullptr;
}

void EntryCheck::add_event(uint64_t index, const v1::Event& event) {
  if (event.sequence() != next_event_) {
    return blame(index, fmt::format("event {} is not the one that follows: that is event {}",
                                    event.sequence(), next_event_));
  }
  ++next_event_;
  if (events_.count++ == 0) events_.first = event;
  events_.last = event;
}

// A log that began later than the records has no head of the first ones.
bool EntryCheck::add_segment(uint64_t index, const v1::SegmentHead& head) {
  const uint64_t last = segments_.last;
  const bool follows_last = is_broken_ ? head.number() > last : head.number() == last + 1;
  if (last != 0 && !follows_last) {
    blame(index, fmt::format("segment {} does not follow segment {}", head.number(), last));
    return false;
  }
  for (const v1::SegmentStream& stream : head.streams()) {
    if (!follows(index, stream)) return false;
    segments_.missing += stream.missing_count();
  }
  is_broken_ = false;
  segments_.last = head.number();
  if (segments_.count++ == 0) segments_.first = head.number();
  segments_.records += head.records();
  return true;
}

bool EntryCheck::follows(uint64_t index, const v1::SegmentStream& stream) {
  const auto [end, is_first] =
      ends_.try_emplace({stream.node(), stream.incarnation()}, stream.after());
  if (stream.after() != end->second) {
    blame(index,
          fmt::format("it has the records of node {} after {}, and the ones before end at {}",
                      stream.node(), stream.after(), end->second));
    return false;
  }
  if (stream.last() - stream.after() != stream.records() + stream.missing_count()) {
    blame(index, fmt::format("of node {} it counts {} records and {} missing, which are not {}",
                             stream.node(), stream.records(), stream.missing_count(),
                             stream.last() - stream.after()));
    return false;
  }
  end->second = stream.last();
  return true;
}

void EntryCheck::blame(uint64_t index, std::string problem) {
  if (first_bad_) return;
  first_bad_ = index;
  problem_ = std::move(problem);
}

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The newest observations of rollouts' flows, numbered, in memory: analysis looks at the last
// minutes only, and a node that starts anew begins its rollouts' windows anew.
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "dataplane/daemon/fabric.h"
#include "dataplane/flow/observation_event.h"

namespace sluice::dataplane {

class ObservationLog {
 public:
  // A minute of a thousand observed flows per second. 4 MiB: they get their names when read.
  static constexpr size_t kKeptDefault = 65'536;

  explicit ObservationLog(size_t kept = kKeptDefault) : kept_(kept) {}

  // Takes what the cores wrote. How many there were.  Thread: one.
  size_t take_from(Cores& cores);

  struct Page {
    uint64_t first_sequence = 0;  // of the first event
    std::vector<ObservationEvent> events;
  };
  // The oldest that are kept behind `sequence`, at most `limit`. Numbers begin at 1 and have no
  // gaps.  Thread: any.
  Page after(uint64_t sequence, size_t limit) const;

 private:
  const size_t kept_;
  std::vector<ObservationEvent> taken_;  // the consumer's scratch space
  mutable std::mutex mutex_;
  std::deque<ObservationEvent> events_;
  uint64_t next_sequence_ = 1;
};

}  // namespace sluice::dataplane

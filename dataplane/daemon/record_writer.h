// SPDX-License-Identifier: Apache-2.0
//
// Carries what the cores write to those who keep it: flow events to the spool, observations to
// their log.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "dataplane/daemon/fabric.h"
#include "dataplane/daemon/flow_record.h"
#include "dataplane/daemon/observation_log.h"
#include "dataplane/daemon/record_spool.h"
#include "dataplane/table/registry.h"

namespace sluice::dataplane {

class RecordWriter {
 public:
  // Records are durable at most this long after they were written.
  static constexpr std::chrono::milliseconds kSyncInterval{100};

  RecordWriter(Cores& cores, const Registry& registry, RecordOrigin origin, RecordSpool& spool,
               ObservationLog& observations);
  // Takes what is left, then joins. The cores must have stopped.
  ~RecordWriter();

 private:
  void run();
  size_t carry(std::vector<FlowEvent>& events);
  void sync();
  void retry();
  void tell_refused();

  Cores& cores_;
  const Registry& registry_;
  const RecordOrigin origin_;
  RecordSpool& spool_;
  ObservationLog& observations_;
  std::atomic<bool> stop_ = false;
  uint64_t audit_refused_told_ = 0;
  std::chrono::steady_clock::time_point next_tell_;
  uint64_t lost_told_ = 0;
  std::chrono::steady_clock::time_point next_retry_;
  std::thread thread_;
};

}  // namespace sluice::dataplane

// SPDX-License-Identifier: Apache-2.0
//
// Carries what the cores write to those who keep it: flow events to the spool, observations to
// their log.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/daemon/fabric.h"
#include "dataplane/daemon/flow_record.h"
#include "dataplane/daemon/observation_log.h"
#include "dataplane/daemon/record_spool.h"
#include "dataplane/table/registry.h"
#include "dataplane/table/table.h"

namespace sluice::dataplane {

class RecordWriter {
 public:
  // Records are durable at most this long after they were written.
  static constexpr std::chrono::milliseconds kSyncInterval{100};

  RecordWriter(Cores& cores, const Registry& registry, RecordOrigin origin, RecordSpool& spool,
               ObservationLog& observations);
  // Takes what is left, then joins. The cores must have stopped.
  ~RecordWriter();

  // Which flows must be recorded. Where some must, a spool without room loses the records of the
  // others, not those that it has.  Thread: any.
  void follow(const std::shared_ptr<const Table>& table);

 private:
  void run();
  void expect_ends();
  bool must_record(const v1::FlowRecord& record) const;
  void leave_out_what_may_be_lost(std::vector<v1::FlowRecord>& records);
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
  std::mutex mutex_;  // guards the next three
  std::shared_ptr<const Table> table_;
  // Empty where no flow must be recorded.
  std::map<std::string, ServiceIndex> services_;
  std::map<std::string, ClassIndex> classes_;
  uint64_t audit_refused_told_ = 0;
  std::chrono::steady_clock::time_point next_tell_;
  uint64_t lost_told_ = 0;
  std::chrono::steady_clock::time_point next_retry_;
  std::thread thread_;
};

}  // namespace sluice::dataplane

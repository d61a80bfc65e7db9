// SPDX-License-Identifier: Apache-2.0
//
// Runs detection over what the fleet reports, and says what it finds.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/detect/patterns.h"
#include "controlplane/service/interval_counts.h"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/table.pb.h"

namespace sluice::controlplane {

// Where it looks, and whom it tells.
struct PatternSources {
  std::function<v1::ListCountersResponse()> counters;
  // Shape: as long as it is held; null: no policy is in force.
  std::function<std::shared_ptr<const v1::ForwardingTable>()> table;
  std::function<void(const v1::Event&)> tell;
};

// What it has learned lives as long as the program. Thread: any.
class PatternWatch {
 public:
  explicit PatternWatch(PatternSources sources) : sources_(std::move(sources)) {}
  ~PatternWatch() { stop(); }

  // Of all nodes, each once.
  void add(std::span<const v1::FlowRecord> records, absl::Time now);
  // Ends an interval; `end` is a whole minute.
  void look(absl::Time end);
  // Of every series that deviates now.
  std::vector<SeriesScore> scores() const;

  // A thread that looks at each whole minute, until `stop`.
  void start();
  void stop();

 private:
  void run();
  std::vector<Finding> forget_changed(const v1::ForwardingTable& table)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(patterns_mutex_);
  void tell(std::vector<Finding> findings, absl::Time end) const;

  const PatternSources sources_;
  mutable absl::Mutex patterns_mutex_;  // never held with the other
  Patterns patterns_ ABSL_GUARDED_BY(patterns_mutex_){PatternsSettings()};
  std::map<std::string, std::string> portions_ ABSL_GUARDED_BY(patterns_mutex_);  // by pool
  absl::Mutex mutex_;
  IntervalCounts counts_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// Fills the archive: every table that is pushed, every view that nodes kept.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/audit/table_archive.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/fleet/table_history.h"
#include "controlplane/service/expiry_watch.h"
#include "controlplane/service/steering_watch.h"
#include "controlplane/store/event_log.h"

namespace sluice::controlplane {

// A thread compresses and writes, so that a change does not wait for it; asks each node for its new
// views once a second, with an event for what has passed its `eligible_until` in one and for what
// new flows began or ceased to be kept from; and deletes once an hour what is older than it is
// kept.
class Archivist {
 public:
  Archivist(TableArchive& archive, Fleet& fleet, EventLog& events, absl::Duration kept);
  ~Archivist();

  // The table is in force from now on.  Thread: any.
  void add(Target table);

 private:
  // What the views of one node are looked at for.
  struct Watches {
    ExpiryWatch expiry;
    SteeringWatch steering;
  };

  void run();
  // Writes what waits.
  void write();
  void pull();
  absl::Status pull_of(const std::string& node);
  absl::Status keep(const std::string& node, const v1::ListViewsResponse& answer);
  const Watches& watches_of(const std::string& node);
  void expire(absl::Time now);

  TableArchive& archive_;
  Fleet& fleet_;
  EventLog& events_;
  const absl::Duration kept_;
  absl::Time pull_at_ = absl::InfinitePast();  // the thread's, likewise the next three
  absl::Time expire_at_ = absl::InfinitePast();
  std::string last_error_;
  std::map<std::string, Watches> watches_;  // by node
  absl::Mutex mutex_;
  std::deque<std::pair<Target, absl::Time>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice::controlplane

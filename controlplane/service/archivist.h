// SPDX-License-Identifier: Apache-2.0
//
// Fills the archive: every table that is pushed, every view that nodes kept.
#pragma once

#include <deque>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/audit/table_archive.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/fleet/table_history.h"

namespace sluice::controlplane {

// A thread compresses and writes, so that a change does not wait for it; asks each node for its new
// views once a second; and deletes once an hour what is older than it is kept.
class Archivist {
 public:
  Archivist(TableArchive& archive, Fleet& fleet, absl::Duration kept);
  ~Archivist();

  // The table is in force from now on.  Thread: any.
  void add(Target table);

 private:
  void run();
  // Writes what waits.
  void write();
  void pull();
  void pull_of(const std::string& node);
  void expire(absl::Time now);

  TableArchive& archive_;
  Fleet& fleet_;
  const absl::Duration kept_;
  absl::Time pull_at_ = absl::InfinitePast();  // the thread's, likewise the next two
  absl::Time expire_at_ = absl::InfinitePast();
  std::string last_error_;
  absl::Mutex mutex_;
  std::deque<std::pair<Target, absl::Time>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice::controlplane

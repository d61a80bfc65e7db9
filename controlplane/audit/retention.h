// SPDX-License-Identifier: Apache-2.0
//
// Deletes flow records that are older than they are kept.
#pragma once

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/audit/record_store.h"

namespace sluice::controlplane {

// A thread that looks once an hour.
class Retention {
 public:
  Retention(RecordStore& records, absl::Duration kept);
  ~Retention();

 private:
  void run();

  RecordStore& records_;
  const absl::Duration kept_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice::controlplane

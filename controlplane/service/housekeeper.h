// SPDX-License-Identifier: Apache-2.0
//
// What the controller does by itself, with nobody asking.
#pragma once

#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/service/change_service.h"
#include "controlplane/service/recalls.h"

namespace sluice::controlplane {

// A thread that looks several times a second: reverts what was not confirmed, gives up changes that
// nobody approved, certifies recalls that became complete, says each minute that glass is broken,
// and goes above the generations that nodes kept from before a restore.
class Housekeeper {
 public:
  Housekeeper(ChangeService& changes, Recalls& recalls, Fleet& fleet);
  ~Housekeeper();

 private:
  void run();
  void tend_changes(absl::Time now);
  void tend_recalls(absl::Time now);
  void warn(absl::Time now);
  void overtake();

  ChangeService& changes_;
  Recalls& recalls_;
  Fleet& fleet_;
  absl::Time look_at_recalls_ = absl::InfinitePast();  // the thread's, likewise the next two
  absl::Time warn_at_ = absl::InfinitePast();
  std::string last_error_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// The control thread: runs what other threads hand to it, ticks, and ends on SIGTERM or SIGINT.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <vector>

#include "absl/status/status.h"
#include "dataplane/daemon/disk.h"

namespace sluice::dataplane {

class ControlLoop {
 public:
  using Task = std::function<void()>;

  // Blocks the ending signals for this thread and all that it starts from now on: call it first of
  // all. Errors: RESOURCE_EXHAUSTED (descriptors).
  absl::Status open();

  // Runs tasks as they come and `tick` after them and at least every `interval`, until a signal or
  // `end`. What was posted before the end is run.
  void run(std::chrono::milliseconds interval, const Task& tick);

  // Thread: any.
  void post(Task task);
  // Runs `task` on the control thread and waits.  Errors: the task's; CANCELLED: the loop has
  // ended.
  absl::Status call(const std::function<absl::Status()>& task);
  void end();

 private:
  void run_posted();
  void wake() const;

  Descriptor signals_;
  Descriptor wake_up_;
  std::mutex mutex_;  // guards the rest
  std::vector<Task> posted_;
  bool has_ended_ = false;
};

}  // namespace sluice::dataplane

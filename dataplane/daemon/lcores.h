// SPDX-License-Identifier: Apache-2.0
//
// Keeps every thread that does not forward off the processors that do.
#pragma once

#include <sched.h>

#include "absl/status/status.h"

namespace sluice::dataplane {

// EAL pins the thread that starts it, and threads inherit that. So the processors are noted before
// EAL starts, and set for the control thread after: all but the workers'.
class ControlProcessors {
 public:
  ControlProcessors();  // notes those of this thread

  // Sets them for this thread, which those it starts from now on inherit. Where the workers have
  // all of them, the thread stays where EAL put it.  Errors: INTERNAL.
  absl::Status apply() const;

 private:
  cpu_set_t allowed_;
};

}  // namespace sluice::dataplane

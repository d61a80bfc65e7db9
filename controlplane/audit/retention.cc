// SPDX-License-Identifier: Apache-2.0
//
// Deletes flow records that are older than they are kept.
#include "controlplane/audit/retention.h"

#include <spdlog/spdlog.h>

#include <string>

#include "absl/time/clock.h"

namespace sluice::controlplane {
namespace {

// Records are kept for days: an hour more does not matter, and each look deletes little.
constexpr absl::Duration kInterval = absl::Hours(1);

}  // namespace

Retention::Retention(RecordStore& records, absl::Duration kept)
    : records_(records), kept_(kept), thread_([this] { run(); }) {}

Retention::~Retention() {
  {
    const absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void Retention::run() {
  for (;;) {
    const absl::StatusOr<uint64_t> deleted = records_.expire(absl::Now() - kept_);
    if (!deleted.ok()) {
      spdlog::error("records: retention: {}", std::string(deleted.status().message()));
    } else if (*deleted != 0) {
      spdlog::info("records: deleted {} older than {}", *deleted, absl::FormatDuration(kept_));
    }
    const absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kInterval)) return;
  }
}

}  // namespace sluice::controlplane

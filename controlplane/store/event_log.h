// SPDX-License-Identifier: Apache-2.0
//
// Every step of the control plane, by people and by itself, in order.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "controlplane/store/database.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

// A longer text of an event is cut: callers say as much as they like, and events are kept for ever.
inline constexpr size_t kEventTextBytesMax = 4096;

// Writes the event inside the caller's transaction, so that it is there exactly when the step is.
// Sets its sequence, and its time when that is unset.
absl::Status insert_event(Database& database, v1::Event& event);

// Thread: any.
class EventLog {
 public:
  // `shared` is of the controller's schema.
  explicit EventLog(std::shared_ptr<SharedDatabase> shared) : shared_(std::move(shared)) {}

  // Durable on return. The sequence and, when unset, the time are set here.
  absl::Status append(v1::Event event);
  // Oldest first, from the one after `sequence` on.
  absl::StatusOr<std::vector<v1::Event>> following(uint64_t sequence, uint32_t limit);
  // Oldest first.  Errors: INVALID_ARGUMENT (limit).
  absl::StatusOr<std::vector<v1::Event>> list(const v1::ListEventsRequest& request);

 private:
  absl::StatusOr<std::vector<v1::Event>> read_events(Statement& statement);

  std::shared_ptr<SharedDatabase> shared_;
};

}  // namespace sluice::controlplane

// SPDX-License-Identifier: Apache-2.0
//
// What became of recalls on each node, and the certificate of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "controlplane/fleet/fleet.h"
#include "controlplane/store/event_log.h"
#include "controlplane/store/revision_store.h"
#include "sluice/v1/control.pb.h"

namespace sluice::controlplane {

// How long the answer to a recall waits for the nodes that can be reached, and how much of it is
// left when one of them hung already while they were sent the recall.
inline constexpr absl::Duration kRecallPatience = absl::Seconds(1);
inline constexpr absl::Duration kRecallPatienceMin = absl::Milliseconds(500);

// A recall is complete when every node of the fleet has looked at each of its flows since and has
// none left on what was recalled. The event log says what was certified already, so that a restart
// forgets nothing and repeats nothing.  Thread: any.
class Recalls {
 public:
  Recalls(RevisionStore& store, Fleet& fleet, EventLog& events)
      : store_(store), fleet_(fleet), events_(events) {}

  // Waits for the nodes that answer, at most `patience`, and writes the certificate as an event.
  // Errors: NOT_FOUND (it is not recalled), those of the store.
  absl::StatusOr<v1::RecallCertificate> settle(const v1::Override& recall, absl::Duration patience);
  // Of every recall in force.
  absl::StatusOr<std::vector<v1::RecallCertificate>> list();
  // Writes an event about each recall that became complete after its answer. To be called again and
  // again.
  absl::Status tend();

 private:
  struct Known {
    uint64_t generation = 0;    // that brought the recall; 0: nothing is written about it
    bool is_certified = false;  // as complete
    bool is_answered = false;   // complete or not
  };
  absl::StatusOr<Known> known_of(const OverrideOrder& order);
  absl::StatusOr<v1::RecallCertificate> certify(const OverrideOrder& order,
                                                const std::vector<v1::NodeEntry>& nodes);
  absl::Status write(const v1::RecallCertificate& certificate);

  RevisionStore& store_;
  Fleet& fleet_;
  EventLog& events_;
};

}  // namespace sluice::controlplane
